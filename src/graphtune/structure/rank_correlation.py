"""How well a score orders the modules.

Source: Spearman, American Journal of Psychology 15, 1904 (scipy computes it).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


def rank_correlation(score: Sequence[float], measured: Sequence[float]) -> float:
    """Return Spearman's correlation over the nodes that have both numbers, −1 … 1.

    NaN where fewer than two have, or where one of the two is the same for all.
    """
    from scipy.stats import spearmanr

    both = np.array([score, measured], dtype=np.float64)
    both = both[:, np.isfinite(both).all(axis=0)]
    if both.shape[1] < 2 or (both.min(axis=1) == both.max(axis=1)).any():
        return math.nan
    found: Any = spearmanr(both[0], both[1])
    return float(found.statistic)
