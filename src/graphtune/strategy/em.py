"""Let an encoder and a network over a graph teach one another in turns.

Source: GLEM, Zhao et al., ICLR 2023, arXiv:2210.14709, equations 6 to 9 (shares 0.8 and 0.05 of the other's
word; both are trained on labels before they teach).
Differs from the paper: gold and pseudo-labels are weighted so that a step of any rows is right on average,
rather than drawn apart; pseudo-labels are the other's probabilities as they are; a round that val rows do not
confirm is undone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn.functional import one_hot

from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy, soft_cross_entropy
from graphtune.model import CoupledModel, TextTask
from graphtune.model.coupled import others
from graphtune.phase import Group, Phase
from graphtune.strategy.encoder_tuning import groups


@dataclass(frozen=True)
class EM:
    """Train both on labels, then each on the labels and on what the other says of all other texts.

    Raises:
        PlanError: a share of the other's word is not from 0 to 1, or there is no round.
    """

    rounds: int = 1
    encoder_share: float = 0.8  # alpha: of the network's word in what the encoder learns
    network_share: float = 0.05  # of the encoder's in what the network learns
    serving: float = 1.0  # share of the network in what serves; 0 = the encoder alone
    rate: float = 2e-4  # AdamW step size of the last block, on labels alone
    taught_rate: float = 5e-5  # and on the network's word
    layer_decay: float = 1.0  # share of a block's step size that the one below it has
    head_rate: float = 5e-3
    decay: float = 0.01  # AdamW decoupled weight decay
    epochs: int = 8  # of the encoder on labels alone
    taught_epochs: int = 2  # and in each round
    network_rate: float = 0.01
    network_decay: float = 5e-3
    network_epochs: int = 60  # each time

    def __post_init__(self) -> None:
        for name in ("encoder_share", "network_share", "serving"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise PlanError(f"{name} = {getattr(self, name)} is no share.", fix="use 0 to 1.")
        if self.rounds < 1:
            raise PlanError(f"rounds = {self.rounds} leaves nothing to teach.", fix="use 1 or 2.")

    def phases(self, model: CoupledModel, task: TextTask) -> Iterator[Phase]:
        """Alternate until the rounds are over, or one does not improve on val rows."""
        loss = CrossEntropy()

        def on_labels(batch) -> Tensor:
            return loss(model(batch), batch.labels, batch.weights)

        def taught(batch) -> Tensor:
            # The mean over rows of weight times loss: a step's own weights do not add up to the same.
            return soft_cross_entropy(model(batch), batch.targets, batch.weights) * batch.weights.mean()

        yield self._encoder(model, "encoder", self.rate, self.epochs, on_labels)
        model.refresh(task)
        yield self._network(model, task, "network", on_labels)
        judges = len(task.val) > 0
        best, kept = (self._judged(model, task), _copied(model)) if judges else (0.0, {})
        for number in range(1, self.rounds + 1):
            own = mixed_task(task, _network_says(model), self.encoder_share)
            name = f"encoder, round {number}"
            yield replace(self._encoder(model, name, self.taught_rate, self.taught_epochs, taught), task=own)
            model.refresh(task)
            said = mixed_task(task, _encoder_says(model), self.network_share)
            yield self._network(model, said, f"network, round {number}", taught)
            if judges:
                now = self._judged(model, task)
                if now <= best:
                    model.load_state_dict(kept)
                    break
                best, kept = now, _copied(model)
        model.share = self.serving

    def _encoder(
        self, model: CoupledModel, name: str, rate: float, epochs: int, loss: Callable[..., Tensor]
    ) -> Phase:
        model.share = 0.0
        return Phase(
            name, groups(model.text, rate, self.layer_decay, self.head_rate, self.decay), loss, epochs
        )

    def _network(self, model: CoupledModel, task: TextTask, name: str, loss: Callable[..., Tensor]) -> Phase:
        return Phase(
            name,
            (Group.of(self.network_rate, model.network, decay=self.network_decay),),
            loss,
            self.network_epochs,
            task=model.nodes(task),
            batch_rows=len(task.train),
        )

    def _judged(self, model: CoupledModel, task: TextTask) -> float:
        """Return the accuracy on val rows, of which there are some, of what would serve."""
        model.share = self.serving
        return float((task.judged(model, None).argmax(1) == task.held[0]).float().mean())


def mixed_task(task: TextTask, said: Float32[Tensor, "T C"], share: float) -> TextTask:
    """Return a task of all rows that do not judge: labels where there are some, else what ``said`` says.

    Weights are 1 on average, and add up to ``share`` for rows without a label, so far as there are both.
    """
    rows, classes = others(task), task.classes
    known = task.labels[rows] >= 0
    weights = torch.ones(len(rows)) if task.weights is None else task.weights[rows].clone()
    if known.any() and not known.all():
        for part, of in ((known, 1.0 - share), (~known, share)):
            weights[part] *= of / weights[part].sum().clamp_min(torch.finfo(weights.dtype).tiny)
        weights *= len(rows)
    every, targets = torch.zeros(len(task.labels)), said.clone()
    every[rows] = weights
    gold = task.labels >= 0
    targets[gold] = one_hot(task.labels[gold], classes).to(targets.dtype)
    return replace(task, train=rows, targets=targets, weights=every)


@torch.no_grad()
def _network_says(model: CoupledModel) -> Float32[Tensor, "T C"]:
    model.eval()
    return torch.softmax(model.network.logits(model.scaled(model.memory), model.graph), 1)


@torch.no_grad()
def _encoder_says(model: CoupledModel) -> Float32[Tensor, "T C"]:
    return torch.softmax(model.head(model.memory), 1)


def _copied(model: CoupledModel) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}
