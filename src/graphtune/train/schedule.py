"""The share of a group's step size that each step of a phase uses."""

import math
from typing import Literal


def share(
    step: int, steps: int, *, schedule: Literal["constant", "cosine", "linear"], warmup: float
) -> float:
    """Return the factor, in 0 … 1, on the step size at ``step`` (from 0) of ``steps``.

    The factor rises linearly over the first ``warmup`` share of the steps, and never is 0: a step of size 0
    would be lost.
    """
    rising = math.floor(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    if schedule == "constant":
        return 1.0
    done = (step - rising) / (steps - rising)
    return 1.0 - done if schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
