"""What every network over a graph does with its rows before it trains."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from graphtune.select.data import Data

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


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is known of the nodes of a graph from some rows."""

    labels: Int64[Tensor, " N"]  # -1 = unknown
    learn: Int64[Tensor, " L"]  # nodes to learn from
    stop: Int64[Tensor, " V"]  # nodes that decide when to stop
    weights: Float32[Tensor, " N"] | None


def lesson(data: Data, rows: Int64[np.ndarray, " T"], seed: int) -> Lesson:
    """Return what the labels of ``rows`` tell; of many, some are spared to decide when to stop."""
    learned, spared = spare(rows, data.labels, data.classes, seed)
    labels, learn, stop = (torch.from_numpy(part) for part in (data.known(rows), learned, spared))
    return Lesson(labels, learn, stop, None if data.weights is None else torch.from_numpy(data.weights))


def scaled(x: Float[Tensor, "*N F"]) -> Float[Tensor, "*N F"]:
    """Return rows of L2 norm 1 with entries near 1, for which layers start out."""
    return x * math.sqrt(x.shape[-1])
