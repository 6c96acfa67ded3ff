"""From an order that carries over between tasks to numbers of this task, by a few measured modules.

Source: kriging with a linear trend, Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006,
section 2.7; farthest points first, Gonzalez, Theoretical Computer Science 38, 1985.
Differs from the book: the trend is held to what was predicted, and the scale of the kernel is the median
distance instead of the likeliest.
"""

import numpy as np
from jaxtyping import Float64, Int64

_NOISE = 0.3  # variance of what a probe measures, as a share of what is left unexplained
_BELIEF = 2.0  # probes that the spread of the predictions counts as, against the slope of the measured ones


def refined(
    predicted: Float64[np.ndarray, " N"],
    embedded: Float64[np.ndarray, "N G"],
    measured: Float64[np.ndarray, " N"],
) -> Float64[np.ndarray, " N"]:
    """Return numbers in the scale of ``measured``, which is NaN where nothing was measured.

    A measured module keeps nearly its own number; of the others, those with a like embedding follow it. With
    fewer than two measured modules, ``predicted`` comes back as it is.
    """
    known = np.isfinite(measured)
    if known.sum() < 2:
        return predicted
    given, truth = predicted[known], measured[known]
    spread = truth.std() or 1.0
    centred = given - given.mean()
    # The slope of the probes, held towards one at which predictions have the spread of what was measured.
    held = _BELIEF * predicted.std() ** 2
    slope = (centred @ (truth - truth.mean()) + held * spread / (predicted.std() or 1.0)) / (
        centred @ centred + held or 1.0
    )
    trend = truth.mean() + max(0.0, slope) * (predicted - given.mean())
    left = truth - trend[known]
    near = _kernel(embedded)
    own = near[np.ix_(known, known)] + _NOISE * np.eye(int(known.sum()))
    return trend + near[:, known] @ np.linalg.solve(own, left)


def probes(
    predicted: Float64[np.ndarray, " N"],
    embedded: Float64[np.ndarray, "N G"],
    able: Int64[np.ndarray, " M"],
    count: int,
) -> Int64[np.ndarray, " P"]:
    """Return which of the ``able`` modules to measure: the one predicted highest, then those unlike them."""
    chosen = [int(able[np.argmax(predicted[able])])]
    points = _standard(embedded)
    away = np.full(len(points), np.inf)
    while len(chosen) < min(count, len(able)):
        away = np.minimum(away, np.square(points - points[chosen[-1]]).sum(axis=1))
        chosen.append(int(able[np.argmax(away[able])]))
    return np.array(chosen, dtype=np.int64)


def _kernel(embedded: np.ndarray) -> np.ndarray:
    points = _standard(embedded)
    squares = np.square(points[:, None] - points[None]).sum(axis=2)
    scale = np.median(squares[squares > 0]) if (squares > 0).any() else 1.0
    return np.exp(-squares / scale)


def _standard(embedded: np.ndarray) -> np.ndarray:
    spread = embedded.std(axis=0)
    return (embedded - embedded.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
