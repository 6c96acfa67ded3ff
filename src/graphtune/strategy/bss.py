"""Shrink the weakest directions of the features that the head reads.

Source: Chen et al., NeurIPS 2019, "Catastrophic forgetting meets negative transfer: batch spectral shrinkage
for safe transfer learning" (eta 0.001, k 1).
Differs from the paper: the features are read without dropout.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Learner, Problem
from graphtune.phase import Group, Phase


@dataclass(frozen=True)
class BSS:
    """``loss + eta * the sum of the k smallest squared singular values`` of a step's rows; all learns.

    A feature that is 0 for every row of a step is one of these values, and nothing pulls at it.
    Cost: a second pass in each step, and the singular values of a B F matrix.

    Raises:
        PlanError: a value is out of its range; the head reads nothing in a pass (in the first step).
    """

    eta: float = 1e-3
    k: int = 1  # values that are shrunk; all if there are fewer
    rate: float = 0.01  # AdamW step size
    decay: float = 5e-4  # AdamW decoupled weight decay
    epochs: int = 300  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        if not self.eta >= 0.0:
            raise PlanError(f"eta = {self.eta} is negative.", fix="use 0 or more; 0.001 is usual.")
        if self.k < 1:
            raise PlanError(f"k = {self.k} shrinks nothing.", fix="use 1 or more, or use Full.")

    def phases(self, model: Learner, task: Problem) -> Iterator[Phase]:
        """Train once."""

        def loss(batch: Any) -> Tensor:
            plain = self.loss(model(batch), batch.labels, batch.weights)
            return plain + self.eta * weakest(read_by_head(model, batch), self.k) if self.eta else plain

        group = Group((*model.body, *model.head.parameters()), self.rate, self.decay)
        yield Phase("bss", (group,), loss, self.epochs)


def weakest(features: Float[Tensor, "B F"], k: int) -> Float[Tensor, ""]:
    """Return the sum of the ``k`` smallest squared singular values; not a number where a feature is none."""
    if not bool(features.isfinite().all()):
        return features.sum() * torch.nan  # the loop tells it; the decomposition would fail
    return torch.linalg.svdvals(features)[-k:].square().sum()


def read_by_head(model: Learner, batch: Any) -> Float[Tensor, "B F"]:
    """Return what the head reads of a step's rows, without dropout.

    Raises:
        PlanError: the model does not use its head.
    """
    assert isinstance(model, nn.Module)
    read: list[Tensor] = []
    hook = model.head.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    learning = model.training
    model.eval()
    try:
        model(batch)
    finally:
        hook.remove()
        model.train(learning)
    if not read:
        raise PlanError("BSS shrinks what the head reads, and the head reads nothing.", fix="use Full.")
    return read[-1]
