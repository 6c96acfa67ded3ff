"""Teach every exit of a network at once.

Source: Zhu et al., IJCAI 2024, arXiv:2401.15569 (a classifier at every rung of a ladder).
Differs from the paper: the exits' losses are averaged, so that step sizes do not depend on their number.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Batch, Problem, SideNetwork
from graphtune.phase import Group, Phase


@dataclass(frozen=True)
class EveryExit:
    """Learn all parameters by the mean loss of all exits."""

    rate: float = 0.01  # AdamW step size
    decay: float = 5e-3  # AdamW decoupled weight decay
    epochs: int = 60  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def phases(self, model: SideNetwork, task: Problem) -> Iterator[Phase]:
        """Train once."""

        def mean(batch: Batch) -> Tensor:
            found = [self.loss(scores, batch.labels, batch.weights) for scores in model.every(batch)]
            return torch.stack(found).mean()

        group = Group((*model.body, *model.head.parameters()), self.rate, self.decay)
        yield Phase("every exit", (group,), mean, self.epochs)
