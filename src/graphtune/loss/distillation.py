"""Divergence from a teacher's probabilities at a temperature.

Source: Hinton et al., 2015, arXiv:1503.02531, section 2.
Differs from the paper: the divergence in place of the cross-entropy, whose gradients are the same, so that a
perfect student reaches 0; rows may carry weights.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from graphtune.loss.weighting import weighted_mean


def distillation(
    logits: Float[Tensor, "B C"],
    teacher: Float[Tensor, "B C"],
    temperature: float = 1.0,
    weights: Float[Tensor, " B"] | None = None,
) -> Float[Tensor, ""]:
    """Return the mean of ``T^2 KL(softmax(teacher / T) || softmax(logits / T))``, in nats;
    0 if no row counts.

    ``teacher`` holds logits. The factor T^2 keeps the size of the gradients when T changes.
    """
    student = torch.log_softmax(logits / temperature, 1)
    target = torch.log_softmax(teacher / temperature, 1)
    losses = functional.kl_div(student, target, reduction="none", log_target=True).sum(1)
    return temperature**2 * weighted_mean(losses, torch.ones_like(losses), weights)
