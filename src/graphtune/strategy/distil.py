"""Teach a model without a graph what one with a graph says of all rows.

Source: GLNN, Zhang et al., ICLR 2022, arXiv:2110.08727, equation 1.
Differs from the paper: the temperature is a setting; rows may carry weights.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy, distillation
from graphtune.model import Batch, Learner, Task, TextBatch, TextTask
from graphtune.phase import Group, Phase
from graphtune.strategy.graph_teacher import told


@dataclass(frozen=True)
class Distil:
    """``share * cross-entropy(labels) + (1 - share) * KL(teacher || student)``; body and head learn.

    Raises:
        PlanError: a value is out of its range; the task has no teacher's probabilities (on the first phase).
    """

    share: float = 0.0  # lambda: of the labels
    temperature: float = 1.0
    rate: float = 0.01  # AdamW step size
    decay: float = 5e-4  # AdamW decoupled weight decay
    epochs: int = 100

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise PlanError(f"share = {self.share} is no share.", fix="use 0 (teacher) to 1 (labels).")
        if not self.temperature > 0.0:
            raise PlanError(f"temperature = {self.temperature} is not above 0.", fix="use 1 to 4.")

    def phases(self, model: Learner, task: Task | TextTask) -> Iterator[Phase]:
        """Train once, to the end: what the teacher says of a val row is no judge of when to stop."""
        told(task, self)
        group = Group((*model.body, *model.head.parameters()), self.rate, self.decay)
        yield Phase("distil", (group,), lambda batch: self.loss(model(batch), batch), self.epochs)

    def loss(self, logits: Tensor, batch: Batch | TextBatch) -> Tensor:
        """Return the loss of a step; the labels' part is the mean over its rows that have one."""
        assert batch.targets is not None
        # The logarithm of a label's certainty is kept finite.
        teacher = batch.targets.clamp_min(torch.finfo(logits.dtype).tiny).log()
        taught = distillation(logits, teacher, self.temperature, batch.weights)
        known = batch.labels >= 0
        if self.share == 0.0 or not known.any():
            return (1.0 - self.share) * taught
        weights = None if batch.weights is None else batch.weights[known]
        on_labels = CrossEntropy()(logits[known], batch.labels[known], weights)
        return self.share * on_labels + (1.0 - self.share) * taught
