"""Tune an encoder on labels that it and a graph agree on.

Source: Lee, ICML 2013 workshop on challenges in representation learning (pseudo-labels); Blum & Mitchell,
COLT 1998, table 1 (two views label for one another, the surest rows first, a fixed number of each class).
Differs from the papers: the two views are the encoder with its head and a model over a graph, and a row
counts only where both say the same; what is labelled anew is chosen afresh in every round.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import TextModel, TextTask
from graphtune.model.coupled import others
from graphtune.model.text import in_pieces
from graphtune.phase import Phase
from graphtune.strategy.encoder_tuning import groups
from graphtune.strategy.graph_teacher import told


@dataclass(frozen=True)
class PseudoLabels:
    """Learn the labels, and those of the surest rows on which the encoder and its teacher agree.

    Raises:
        PlanError: a value is out of its range; the task has no teacher's probabilities (on the first phase).
    """

    rate: float = 5e-5  # AdamW step size of the last block
    layer_decay: float = 1.0  # share of a block's step size that the one below it has
    head_rate: float = 5e-3
    decay: float = 0.01  # AdamW decoupled weight decay
    epochs: int = 1  # of each round
    rounds: int = 2
    share: float = 0.5  # of the classes, ranked by rows agreed on, up to which each gives as many
    loss: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise PlanError(f"rounds = {self.rounds} learns nothing.", fix="use 1 or 2.")
        if not 0.0 <= self.share <= 1.0:
            raise PlanError(f"share = {self.share} is no share.", fix="use 0 to 1; 0.5 is the median class.")

    def phases(self, model: TextModel, task: TextTask) -> Iterator[Phase]:
        """Choose rows and train on them, in every round anew."""
        teacher = told(task, self)
        for number in range(self.rounds):
            labels = agreed(said(model, task), teacher, task.labels, task.val, self.share)
            yield Phase(
                f"pseudo-labels {number + 1}",
                groups(model, self.rate, self.layer_decay, self.head_rate, self.decay),
                lambda batch: self.loss(model(batch), batch.labels, batch.weights),
                self.epochs,
                task=replace(task, labels=labels, train=others(task)[labels[others(task)] >= 0]),
            )


@torch.no_grad()
def said(model: TextModel, task: TextTask) -> Float32[Tensor, "T C"]:
    """Return the encoder's own probabilities of all texts, without dropout."""
    model.eval()
    return torch.softmax(in_pieces(task, torch.arange(len(task.labels)), model), 1)


def agreed(
    first: Float32[Tensor, "T C"],
    second: Float32[Tensor, "T C"],
    labels: Int64[Tensor, " T"],
    val: Int64[Tensor, " V"],
    share: float,
) -> Int64[Tensor, " T"]:
    """Return the labels, and for rows without one the class both name, where they rank among the surest.

    Every class gives the same number of rows, or all it has: the number that the class at ``share`` of the
    classes has, from the one with the fewest on. Rows are ranked by the product of the two probabilities;
    ``val`` rows get none.
    """
    named, free = first.argmax(1), labels < 0
    free[val] = False
    alike = free & (named == second.argmax(1))
    sure = (first * second).gather(1, named[:, None]).squeeze(1)
    counts = torch.bincount(named[alike], minlength=first.shape[1]).sort().values
    most = int(counts[round(share * (len(counts) - 1))])
    found = labels.clone()
    for one in range(first.shape[1]):
        rows = (alike & (named == one)).nonzero().flatten()
        found[rows[sure[rows].argsort(descending=True, stable=True)[:most]]] = one
    return found
