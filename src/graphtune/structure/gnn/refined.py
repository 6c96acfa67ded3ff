"""From an order that carries over between tasks to numbers of this task, by a few measured modules.

Source: kriging with a linear trend, Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006,
section 2.7; what to measure, Cohn, Ghahramani & Jordan, JAIR 4, 1996, section 4 (whatever takes most off the
variance of all), step by step.
Differs from both: the trend is held to what was predicted, the kernel is given (`Likeness`), and what a
module takes off is divided by the root of what measuring it costs.
"""

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

_LEAST = 1e-9  # of a spread that is divided by


def refined(
    predicted: Float[Tensor, " N"],
    alike: Float[Tensor, "N N"],
    at: Int64[Tensor, " P"],
    measured: Float[Tensor, " P"],
    noise: Float[Tensor, ""],
    belief: Float[Tensor, ""],
) -> Float[Tensor, " N"]:
    """Return numbers in the scale of what was ``measured`` of the modules ``at``, two or more.

    A measured module keeps nearly its own number; of the others, those ``alike`` follow it. Where all that
    was measured is equal, its spread counts as 1. Gradients reach all that is given.

    Args:
        predicted: an order; the scale does not matter.
        alike: 1 for a module and itself.
        at: positions of the measured modules.
        measured: what each came to.
        noise: variance of what is measured, as a share of what is left unexplained.
        belief: probes that the spread of the predictions counts as, against the slope of the measured ones.
    """
    given = predicted[at]
    spread = measured.std(correction=0)
    spread = torch.where(spread > 0, spread, torch.ones_like(spread))
    centred = given - given.mean()
    # The slope of the probes, held towards one at which predictions have the spread of what was measured.
    variance = predicted.var(correction=0)
    held = belief * variance
    towards = held * spread / variance.clamp(min=_LEAST).sqrt()
    slope = (centred @ (measured - measured.mean()) + towards) / (centred @ centred + held).clamp(min=_LEAST)
    trend = measured.mean() + slope.clamp(min=0.0) * (predicted - given.mean())
    own = alike[at][:, at] + noise * torch.eye(len(at), dtype=alike.dtype)
    return trend + alike[:, at] @ torch.linalg.solve(own, measured - trend[at])


def probes(
    alike: Float64[np.ndarray, "N N"],
    costs: Float64[np.ndarray, " N"],
    able: Int64[np.ndarray, " M"],
    count: int,
    noise: float,
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
