"""How far a score would move with other texts and other seeds.

Source: Davison & Hinkley, Bootstrap Methods and their Application, 1997, section 3.8 (both levels are drawn);
Bouthillier et al., MLSys 2021, arXiv:2103.03098, on why seeds count too.
Differs from the sources: the same drawn texts judge every seed, as all texts judged every seed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from jaxtyping import Bool, Float64, Int64

from graphtune.metric.bootstrap import Interval

_COUNTS_AT_ONCE = 1 << 22  # 32 MiB

Counts = Float64[np.ndarray, "R T"]  # how often each row was drawn in each resample
Score = Callable[[np.ndarray], np.ndarray]  # such counts to one score a resample


@dataclass(frozen=True)
class TwoLevel:
    """Draws rows and seeds with replacement; the same settings give the same draws.

    For one seed it is the bootstrap over rows alone.
    """

    resamples: int = 1000
    level: float = 0.95
    seed: int = 0

    def interval(self, scores: Sequence[Score], rows: int) -> Interval:
        """Return the mean of one score a seed over all ``rows``, with its interval; NaN without rows."""
        if not rows or not scores:
            return Interval(float("nan"), float("nan"), float("nan"), self.level)
        value = float(np.mean([score(np.ones((1, rows)))[0] for score in scores]))
        generator = np.random.default_rng(self.seed)
        means = []
        for counts in self._counts(rows, generator):
            table = np.stack([score(counts) for score in scores], axis=1)
            drawn = generator.integers(0, len(scores), table.shape)
            means.append(np.take_along_axis(table, drawn, axis=1).mean(axis=1))
        low, high = np.quantile(np.concatenate(means), [(1 - self.level) / 2, (1 + self.level) / 2])
        return Interval(value, float(low), float(high), self.level)

    def _counts(self, rows: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
        at_once = max(1, _COUNTS_AT_ONCE // rows)
        for done in range(0, self.resamples, at_once):
            size = min(at_once, self.resamples - done)
            drawn = generator.integers(0, rows, (size, rows)) + rows * np.arange(size)[:, None]
            yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)


def mean_score(values: Float64[np.ndarray, " T"]) -> Score:
    """Return the score that is the mean of one value a row, such as whether it is right."""
    return lambda counts: counts @ values / counts.sum(axis=1)


def macro_f1_score(
    labels: Int64[np.ndarray, " T"], predicted: Int64[np.ndarray, " T"], classes: int
) -> Score:
    """Return the score that `f1_macro` of the drawn rows is."""
    truth, claims = _columns(labels, classes), _columns(predicted, classes)
    hits = truth.multiply(claims).tocsr()

    def score(counts: np.ndarray) -> np.ndarray:
        support, claimed, met = (np.asarray((table.T @ counts.T).T) for table in (truth, claims, hits))
        every = support + claimed
        f1 = 2 * met / np.maximum(every, 1)
        return f1.sum(axis=1) / (every > 0).sum(axis=1)

    return score


def calibration_score(
    right: Bool[np.ndarray, " T"], confidence: Float64[np.ndarray, " T"], bins: int = 15
) -> Score:
    """Return the score that `expected_calibration_error` of the drawn rows is."""
    place = np.digitize(confidence, np.linspace(0, 1, bins + 1)[1:-1], right=True)
    gaps = _columns(place.astype(np.int64), bins).multiply((right - confidence)[:, None]).tocsr()

    def score(counts: np.ndarray) -> np.ndarray:
        return np.abs(np.asarray((gaps.T @ counts.T).T)).sum(axis=1) / counts.sum(axis=1)

    return score


def _columns(numbers: Int64[np.ndarray, " T"], width: int) -> scipy.sparse.csr_array:
    ones, rows = np.ones(len(numbers)), np.arange(len(numbers))
    return scipy.sparse.csr_array((ones, (rows, numbers)), shape=(len(numbers), width))
