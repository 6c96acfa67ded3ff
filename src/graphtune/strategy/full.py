"""Tune every layer and the head.

Source: Kipf & Welling, ICLR 2017, arXiv:1609.02907, section 5.2, for the step size and the decay.
Differs from the paper: AdamW, whose decay is not part of the gradient, on all layers alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Learner, Problem
from graphtune.phase import Group, Phase


@dataclass(frozen=True)
class Full:
    """Learn all parameters of the body and the head at once."""

    rate: float = 0.01  # AdamW step size
    decay: float = 5e-4  # AdamW decoupled weight decay
    epochs: int = 300  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def phases(self, model: Learner, task: Problem) -> Iterator[Phase]:
        """Train once."""
        group = Group((*model.body, *model.head.parameters()), self.rate, self.decay)
        yield Phase(
            "full", (group,), lambda batch: self.loss(model(batch), batch.labels, batch.weights), self.epochs
        )
