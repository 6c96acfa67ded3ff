"""Tune an encoder on labels, then train a network over a graph on what it makes of the texts.

Source: SimTeG, Duan et al., 2023, arXiv:2308.02565, section 4 (label smoothing 0.3).
Differs from the paper: the encoder's own blocks learn where the paper adds low-rank updates; the graph can be
built anew on the tuned rows (`CoupledModel`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from graphtune.loss import CrossEntropy, Loss
from graphtune.model import CoupledModel, TextTask
from graphtune.phase import Group, Phase
from graphtune.strategy.encoder_tuning import groups


@dataclass(frozen=True)
class Staged:
    """First the encoder and its head, then the network alone, which serves."""

    rate: float = 2e-4  # AdamW step size of the last block
    layer_decay: float = 1.0  # share of a block's step size that the one below it has
    head_rate: float = 5e-3
    decay: float = 0.01  # AdamW decoupled weight decay
    epochs: int = 8  # of the encoder
    loss: Loss = field(default_factory=lambda: CrossEntropy(smoothing=0.3))
    network_rate: float = 0.01
    network_decay: float = 5e-3
    network_epochs: int = 60
    network_loss: Loss = field(default_factory=CrossEntropy)

    def phases(self, model: CoupledModel, task: TextTask) -> Iterator[Phase]:
        """Train one after the other; between them all texts are read anew."""
        model.share = 0.0
        yield Phase(
            "encoder",
            groups(model.text, self.rate, self.layer_decay, self.head_rate, self.decay),
            lambda batch: self.loss(model(batch), batch.labels, batch.weights),
            self.epochs,
        )
        model.share = 1.0
        model.refresh(task)
        yield Phase(
            "network",
            (Group.of(self.network_rate, model.network, decay=self.network_decay),),
            lambda batch: self.network_loss(model(batch), batch.labels, batch.weights),
            self.network_epochs,
            task=model.nodes(task),
            batch_rows=len(task.train),
        )
