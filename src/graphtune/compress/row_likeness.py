"""How near an encoder's rows stay to those before."""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

_NEIGHBOURS = 10
_ROWS_AT_ONCE = 1024


def mean_cosine(before: Float32[Tensor, "T F"], after: Float32[Tensor, "T F"]) -> float:
    """Return the mean cosine of rows before and after; rows of zeros are left out, and 1 is told of none."""
    some = before.any(dim=1)
    if not bool(some.any()):
        return 1.0
    # In float32 a small loss would be less than what rounding takes from a norm of 1.
    return float(torch.nn.functional.cosine_similarity(before[some].double(), after[some].double()).mean())


def overlap(before: Float32[Tensor, "T F"], after: Float32[Tensor, "T F"]) -> float:
    """Return the mean share of a row's ten nearest others that stay its nearest; 1 of few rows."""
    count = min(_NEIGHBOURS, len(before) - 1)
    if count < 1 or count == len(before) - 1:
        return 1.0
    kept = 0
    for start in range(0, len(before), _ROWS_AT_ONCE):
        own = torch.arange(start, min(start + _ROWS_AT_ONCE, len(before)))
        old, new = (_nearest(rows, own, count) for rows in (before, after))
        kept += int((old.unsqueeze(2) == new.unsqueeze(1)).sum())
    return kept / (count * len(before))


def _nearest(rows: Float32[Tensor, "T F"], own: Int64[Tensor, " B"], count: int) -> Int64[Tensor, "B K"]:
    scores = rows[own] @ rows.T
    scores[torch.arange(len(own)), own] = -2.0  # below every cosine
    return scores.topk(count, dim=1).indices
