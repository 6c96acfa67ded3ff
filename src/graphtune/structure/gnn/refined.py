"""From an order that carries over between tasks to numbers of this task, by a few measured modules.

Source: kriging with a linear trend, Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006,
section 2.7; what to measure, Cohn, Ghahramani & Jordan, JAIR 4, 1996, section 4 (whatever takes most off the
variance of all), step by step.
Differs from both: the trend is held to what was predicted, the kernel is given (`likeness`), and what a
module takes off is divided by the root of what measuring it costs.
"""

import numpy as np
from jaxtyping import Float64, Int64

from graphtune.structure.gnn.likeness import USUAL

_BELIEF = 2.0  # probes that the spread of the predictions counts as, against the slope of the measured ones


def refined(
    predicted: Float64[np.ndarray, " N"],
    alike: Float64[np.ndarray, "N N"],
    measured: Float64[np.ndarray, " N"],
    noise: float = USUAL.noise,
) -> Float64[np.ndarray, " N"]:
    """Return numbers in the scale of ``measured``, which is NaN where nothing was measured.

    A measured module keeps nearly its own number; of the others, those ``alike`` follow it. With fewer than
    two measured modules, ``predicted`` comes back as it is.
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
    own = alike[np.ix_(known, known)] + noise * np.eye(int(known.sum()))
    return trend + alike[:, known] @ np.linalg.solve(own, left)


def probes(
    alike: Float64[np.ndarray, "N N"],
    costs: Float64[np.ndarray, " N"],
    able: Int64[np.ndarray, " M"],
    count: int,
    noise: float = USUAL.noise,
) -> Int64[np.ndarray, " P"]:
    """Return which of the ``able`` modules to measure: those that tell most of all for their cost."""
    chosen: list[int] = []
    left = alike[np.ix_(able, able)].copy()  # covariance of what is not known yet
    for _ in range(min(count, len(able))):
        noisy = np.diag(left) + noise
        gains = np.square(left).sum(axis=0) / noisy / np.sqrt(costs[able])
        gains[chosen] = -1.0
        at = int(np.argmax(gains))
        chosen.append(at)
        left = left - np.outer(left[:, at], left[at]) / noisy[at]
    return able[chosen]
