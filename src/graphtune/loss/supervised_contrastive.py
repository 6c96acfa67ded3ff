"""Rows of a class drawn together, all others pushed apart.

Source: Khosla et al., NeurIPS 2020, arXiv:2004.11362, equation 2.
Differs from the paper: the mean over rows, in place of the sum; rows may carry weights, and one may be
without another of its class in the batch; the factor tau / tau_base is left out.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from graphtune.errors import PlanError
from graphtune.loss.weighting import weighted_mean


def supervised_contrastive(
    rows: Float[Tensor, "B F"],
    labels: Int64[Tensor, " B"],
    temperature: float = 0.1,
    weights: Float[Tensor, " B"] | None = None,
    *,
    lone: bool = False,
) -> Float[Tensor, ""]:
    """Return the mean over rows of ``-mean over the others p of its class of log softmax(row . p / tau)``.

    The softmax runs over all other rows of the batch. ``rows`` have L2 norm 1; a label of -1 belongs to no
    class. In nats; 0 where no row has another of its class. A row without one is only what others are told
    apart from; with ``lone`` it is part of the mean, as 0.

    Raises:
        PlanError: the temperature is not above 0.
    """
    if not temperature > 0:
        raise PlanError(f"temperature = {temperature} is not above 0.", fix="use 0.05 to 0.2.")
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    # Finite, so that a batch of one row has a gradient.
    alike = (rows @ rows.T / temperature).masked_fill(itself, torch.finfo(rows.dtype).min)
    apart = alike - torch.logsumexp(alike, 1, keepdim=True)
    same = (labels[:, None] == labels) & (labels >= 0)[:, None] & ~itself
    many = same.sum(1)
    losses = -apart.masked_fill(~same, 0.0).sum(1) / many.clamp_min(1)
    return weighted_mean(losses, (labels >= 0 if lone else many > 0).to(losses.dtype), weights)
