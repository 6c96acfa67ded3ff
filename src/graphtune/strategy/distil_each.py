"""Teach a model without a graph what one with a graph says of each of several labels.

Source: GLNN, Zhang et al., ICLR 2022, arXiv:2110.08727, equation 1.
Differs from the paper: every class has a probability of its own; no label is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from graphtune.errors import PlanError
from graphtune.loss.weighting import weighted_mean
from graphtune.model import Batch, Learner, Task, TextBatch, TextTask
from graphtune.phase import Group, Phase
from graphtune.strategy.distil import Distil
from graphtune.strategy.graph_teacher import told


@dataclass(frozen=True)
class DistilEach:
    """The sum over classes of the cross-entropy with the teacher's probability; body and head learn."""

    rate: float = 0.01  # AdamW step size
    decay: float = 5e-4  # AdamW decoupled weight decay
    epochs: int = 100

    @classmethod
    def of(cls, settings: Distil) -> "DistilEach":
        """Return what does the same for texts with several labels.

        Raises:
            PlanError: labels are to count, or the teacher is to be softened.
        """
        if (settings.share, settings.temperature) != (0.0, 1.0):
            raise PlanError(
                f"share = {settings.share} and temperature = {settings.temperature} are for texts with one "
                "label.",
                fix="leave them out: texts with several labels are learned from the teacher alone, as it is.",
            )
        return cls(settings.rate, settings.decay, settings.epochs)

    def phases(self, model: Learner, task: Task | TextTask) -> Iterator[Phase]:
        """Train once, to the end: what the teacher says of a val row is no judge of when to stop."""
        told(task, self)
        group = Group((*model.body, *model.head.parameters()), self.rate, self.decay)
        yield Phase("distil", (group,), lambda batch: self.loss(model(batch), batch), self.epochs)

    def loss(self, logits: Tensor, batch: Batch | TextBatch) -> Tensor:
        """Return the loss of a step."""
        assert batch.targets is not None
        losses = binary_cross_entropy_with_logits(logits, batch.targets, reduction="none").sum(dim=1)
        return weighted_mean(losses, torch.ones_like(losses), batch.weights)
