"""What every network over a graph does with its rows before it trains."""

import math

import numpy as np
from jaxtyping import Float, Int64
from torch import Tensor

_ROWS_TO_STOP_ON = 20  # labelled rows a class from which some are spared to decide when to stop
_SPARED = 0.15  # share of them


def spare(
    rows: Int64[np.ndarray, " T"], labels: Int64[np.ndarray, " N"], classes: int, seed: int
) -> tuple[Int64[np.ndarray, " L"], Int64[np.ndarray, " V"]]:
    """Return the rows to learn from, and those that decide when to stop: none where labels are few."""
    if len(rows) < _ROWS_TO_STOP_ON * classes:
        return rows, rows[:0]
    order = np.random.default_rng(seed).permutation(rows)
    # Every class keeps its first row for learning.
    first = np.unique(labels[order], return_index=True)[1]
    rest = np.delete(order, first)
    spared = rest[: int(_SPARED * len(order))]
    return np.setdiff1d(rows, spared), np.sort(spared)


def scaled(x: Float[Tensor, "*N F"]) -> Float[Tensor, "*N F"]:
    """Return rows of L2 norm 1 with entries near 1, for which layers start out."""
    return x * math.sqrt(x.shape[-1])
