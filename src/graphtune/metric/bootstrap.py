"""How far a score would move if other texts had been drawn.

Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13: the percentile interval.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, Shaped

_DRAWS_AT_ONCE = 1 << 20  # bounds the memory to a few times 8 MiB


@dataclass(frozen=True)
class Interval:
    """A score and the bounds between which it lies with probability ``level``."""

    value: float
    low: float
    high: float
    level: float


def bootstrap_mean(
    values: Shaped[np.ndarray, " T"], *, resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Return the mean of per-row values, such as whether each row is right, with its interval.

    The same seed gives the same interval. Cost: O(R T) time for R resamples. NaN without rows.
    """
    if not values.size:
        return Interval(float("nan"), float("nan"), float("nan"), level)
    numbers = values.astype(np.float64)
    means = [numbers[rows].mean(1) for rows in _draws(values.size, resamples, seed)]
    return _percentiles(float(numbers.mean()), np.concatenate(means), level)


def bootstrap(
    metric: Callable[[Int64[np.ndarray, " T"]], float],
    rows: int,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return ``metric`` of all ``rows`` with its interval, for scores that are no mean over rows.

    ``metric`` is called with row numbers, repeated ones among them, once a resample: for instance
    ``lambda rows: f1_macro(labels[rows], predicted[rows], classes)``, or a difference of two such scores.
    """
    if not rows:
        return Interval(float("nan"), float("nan"), float("nan"), level)
    scores = [metric(drawn) for block in _draws(rows, resamples, seed) for drawn in block]
    return _percentiles(float(metric(np.arange(rows))), np.array(scores), level)


def _draws(rows: int, resamples: int, seed: int) -> Iterator[Int64[np.ndarray, "R T"]]:
    generator = np.random.default_rng(seed)
    at_once = max(1, _DRAWS_AT_ONCE // rows)
    for done in range(0, resamples, at_once):
        yield generator.integers(0, rows, (min(at_once, resamples - done), rows))


def _percentiles(value: float, scores: Float64[np.ndarray, " R"], level: float) -> Interval:
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), level)
