"""Cross-entropy against probabilities instead of labels.

Source: Hinton et al., 2015, arXiv:1503.02531, section 2.
Differs from the paper: rows may carry weights.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from graphtune.loss.weighting import weighted_mean


def soft_cross_entropy(
    logits: Float[Tensor, "B C"],
    targets: Float[Tensor, "B C"],
    weights: Float[Tensor, " B"] | None = None,
) -> Float[Tensor, ""]:
    """Return the mean of ``-sum(targets * log softmax(logits))``, in nats; 0 if no row counts.

    ``targets`` are probabilities: each row adds up to 1.
    """
    losses = -(targets * torch.log_softmax(logits, 1)).sum(1)
    return weighted_mean(losses, torch.ones_like(losses), weights)
