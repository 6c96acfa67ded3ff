"""How well a score tells two kinds of rows apart, whatever the threshold.

Source: Hanley & McNeil, Radiology 143(1), 1982: the area under the curve is the share of pairs in order.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata


def auroc(scores: Float[np.ndarray, " T"], positive: Bool[np.ndarray, " T"]) -> float:
    """Return the share of pairs, one row of each kind, in which the positive row has the higher score.

    It is 0 … 1; pairs of equal scores count half; NaN where one kind is missing. Cost: O(T log T).
    """
    count = int(positive.sum())
    others = len(positive) - count
    if not count or not others:
        return float("nan")
    ranks = rankdata(scores)
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * others))
