"""How much each class and each row counts.

Source: King & Zeng, Political Analysis 2001, 9(2), for the weights inverse to class frequency.
Differs from the paper: scaled, as in scikit-learn, so that the weights of the labelled rows add up to their
number.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from graphtune.errors import PlanError

ClassWeights = Literal["balanced"] | tuple[float, ...] | None


def balanced(labels: Int64[Tensor, " B"], classes: int) -> tuple[float, ...]:
    """Return ``rows / (classes present * rows of the class)`` for each class; 1 for a class not present."""
    counts = torch.bincount(labels, minlength=classes).double()
    present = counts > 0
    rate = labels.numel() / (present.sum().clamp_min(1) * counts.clamp_min(1))
    return tuple(torch.where(present, rate, 1.0).tolist())


def class_weights(
    setting: ClassWeights, logits: Float[Tensor, "B C"], labels: Int64[Tensor, " B"]
) -> Float[Tensor, " C"] | None:
    """Return the weight of each class that a loss's setting asks for.

    Raises:
        PlanError: weights were given, but not one for each class.
    """
    if setting is None:
        return None
    classes = logits.shape[1]
    chosen = balanced(labels, classes) if isinstance(setting, str) else setting
    if len(chosen) != classes:
        raise PlanError(
            f"{len(chosen)} class weights were given for {classes} classes.",
            fix='give one weight a class, in the order of the classes, or "balanced".',
        )
    return logits.new_tensor(chosen)


def weighted_mean(
    losses: Float[Tensor, " B"], shares: Float[Tensor, " B"], weights: Float[Tensor, " B"] | None
) -> Float[Tensor, ""]:
    """Return ``sum(weights * losses) / sum(weights * shares)``; 0 where no row counts."""
    if weights is not None:
        losses, shares = losses * weights, shares * weights
    return losses.sum() / shares.sum().clamp_min(torch.finfo(losses.dtype).tiny)
