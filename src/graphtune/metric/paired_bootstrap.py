"""By how much one model beats another on the same texts.

Source: Koehn, EMNLP 2004, "Statistical significance tests for machine translation evaluation", section 3.
Differs from the paper: the interval of the difference is reported, not only who wins how often.
"""

import numpy as np
from jaxtyping import Shaped

from graphtune.metric.bootstrap import Interval, bootstrap_mean


def paired_bootstrap(
    first: Shaped[np.ndarray, " T"],
    second: Shaped[np.ndarray, " T"],
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the mean of ``first - second`` with its interval; both hold one value a row, in the same order.

    For scores that are no mean over rows, give `bootstrap` their difference.
    """
    difference = first.astype(np.float64) - second.astype(np.float64)
    return bootstrap_mean(difference, resamples=resamples, level=level, seed=seed)
