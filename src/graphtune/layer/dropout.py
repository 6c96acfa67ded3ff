"""Dropout that does not wait for random numbers on a CPU."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphtune.errors import PlanError


def check_dropout(share: float) -> None:
    """See that a ``share`` can be dropped.

    Raises:
        PlanError: it is not at least 0 and less than 1.
    """
    if not 0.0 <= share < 1.0:
        raise PlanError(f"dropout = {share} is out of range.", fix="use 0 or more and less than 1.")


def dropped(x: Float[Tensor, "N F"], share: float) -> Float[Tensor, "N F"]:
    """Zero a ``share`` of the features, at random, and scale the others up."""
    if share == 0.0:
        return x
    if x.device.type != "cpu":
        return nn.functional.dropout(x, share)
    # Eight bytes from each random number: torch's own dropout draws one number for each feature, which
    # takes longer than the rest of an epoch. The price: the probability is rounded to 1/256.
    least = round(256 * share)
    drawn = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
    kept = drawn.view(torch.uint8)[: x.numel()].view(x.shape) >= min(least, 255)
    return x * kept.to(x.dtype).mul_(256 / (256 - min(least, 255)))
