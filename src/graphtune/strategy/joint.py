"""Train an encoder and a network over a graph together, on the mixture of what both say.

Source: BertGCN, Lin et al., Findings of ACL 2021, arXiv:2105.05727, sections 3.1 to 3.3 (share 0.7, step
sizes, the memory bank, the encoder tuned first).
Differs from the paper: the encoder's pooled rows are L2-normalised; the memory is read anew after every epoch
for all texts, those without labels too; AdamW.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import CoupledModel, TextTask
from graphtune.phase import Group, Phase
from graphtune.strategy.encoder_tuning import groups


@dataclass(frozen=True)
class Joint:
    """The encoder and its head alone, the network alone, then all of them by the mixture's likelihood.

    Raises:
        PlanError: the share is not from 0 to 1.
    """

    share: float = 0.7  # of the network in the mixture
    rate: float = 1e-5  # AdamW step size of the encoder's last block, in the mixture
    graph_rate: float = 1e-3  # of the network, in the mixture
    layer_decay: float = 1.0  # share of a block's step size that the one below it has
    decay: float = 0.01  # AdamW decoupled weight decay
    epochs: int = 4  # of the mixture
    first_rate: float = 2e-4  # of the last block while the encoder is tuned by itself
    head_rate: float = 5e-3
    first_epochs: int = 8
    network_rate: float = 0.01  # while the network is trained by itself
    network_decay: float = 5e-3
    network_epochs: int = 60
    loss: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise PlanError(f"share = {self.share} is no share.", fix="use 0 (encoder) to 1 (network).")

    def phases(self, model: CoupledModel, task: TextTask) -> Iterator[Phase]:
        """Train both apart, as far as they count, then together."""
        model.share = 0.0
        yield Phase(
            "encoder",
            groups(model.text, self.first_rate, self.layer_decay, self.head_rate, self.decay),
            self._loss(model),
            self.first_epochs,
        )
        model.refresh(task)
        if self.share > 0.0:
            yield Phase(
                "network",
                (Group.of(self.network_rate, model.network, decay=self.network_decay),),
                self._loss(model),
                self.network_epochs,
                task=model.nodes(task),
                batch_rows=len(task.train),
            )
        model.share = self.share
        yield Phase(
            "mixture",
            self._groups(model),
            self._loss(model),
            self.epochs,
            refresh=(lambda: model.refresh(task)) if self.share > 0.0 else None,
        )
        model.refresh(task)

    def _groups(self, model: CoupledModel) -> tuple[Group, ...]:
        # The paper gives the encoder's head the encoder's step size; it has been trained by now.
        *blocks, head = groups(model.text, self.rate, self.layer_decay, self.rate, self.decay)
        network = Group.of(self.graph_rate, model.network, decay=self.decay)
        return (*blocks, *((head,) if self.share < 1.0 else ()), *((network,) if self.share > 0.0 else ()))

    def _loss(self, model: CoupledModel) -> Callable[[Any], Tensor]:
        return lambda batch: self.loss(model(batch), batch.labels, batch.weights)
