"""Tune the head alone.

Source: Alain & Bengio, ICLR 2017 workshop, arXiv:1610.01644, section 3.
Differs from the paper: only the last features are probed, and dropout stays active in the frozen layers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Learner, Problem
from graphtune.phase import Group, Phase


@dataclass(frozen=True)
class LinearProbe:
    """Learn the head; every layer stays as it is."""

    rate: float = 0.01  # AdamW step size
    decay: float = 0.0  # AdamW decoupled weight decay
    epochs: int = 300  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def phases(self, model: Learner, task: Problem) -> Iterator[Phase]:
        """Train once."""
        group = Group.of(self.rate, model.head, decay=self.decay)
        yield Phase(
            "probe", (group,), lambda batch: self.loss(model(batch), batch.labels, batch.weights), self.epochs
        )
