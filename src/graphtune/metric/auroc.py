"""How well a score tells two kinds of rows apart, whatever the threshold.

Source: Hanley & McNeil, Radiology 143(1), 1982: the area under the curve is the share of pairs in order.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata

from graphtune.metric.bootstrap import Interval


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


def auroc_interval(
    scores: Float[np.ndarray, " T"],
    positive: Bool[np.ndarray, " T"],
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return `auroc` with its bootstrap interval; as many rows of each kind are drawn as there are."""
    value, kinds = auroc(scores, positive), (np.flatnonzero(positive), np.flatnonzero(~positive))
    if np.isnan(value):
        return Interval(value, value, value, level)
    generator = np.random.default_rng(seed)
    drawn = (np.concatenate([generator.choice(rows, len(rows)) for rows in kinds]) for _ in range(resamples))
    areas = [auroc(scores[rows], positive[rows]) for rows in drawn]
    low, high = np.quantile(areas, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), level)
