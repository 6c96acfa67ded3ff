"""From which probability on a text has a label, so that the micro-averaged F1 is best.

Source: Lipton et al., ECML 2014, arXiv:1402.1892 (the best threshold depends on the F1 reached); Yang, SIGIR
2001, "A study of thresholding strategies for text categorization" (one threshold a class overfits rare ones).
Differs from the papers: a class's own threshold is held back towards the common one by how few rows have it.
"""

import numpy as np
from jaxtyping import Bool, Float32, Float64

_HOLD = 30  # rows with a label whose word counts as much as that of all labels together
_ROUNDS = 3
_LOWEST = 1e-6


def thresholds(
    probabilities: Float32[np.ndarray, "B C"], marks: Bool[np.ndarray, "B C"]
) -> Float32[np.ndarray, " C"]:
    """Return one threshold a class, chosen on held-out rows: a text has the labels that are above theirs.

    The common threshold has the best micro-F1. Each class then takes the one that adds most to it, in hits
    against claims, weighed by the F1 reached so far; of few rows with the label, it stays near the common.
    """
    common, reached = _best_common(probabilities, marks)
    counts = marks.sum(axis=0)
    own = np.full(marks.shape[1], common)
    for _ in range(_ROUNDS):
        for column in np.flatnonzero(counts):
            best = _best_of(probabilities[:, column], marks[:, column], reached, common)
            hold = counts[column] / (counts[column] + _HOLD)
            own[column] = _shares(hold * _odds(best) + (1 - hold) * _odds(common))
        reached = micro(probabilities > own.astype(np.float32), marks)
    return own.astype(np.float32)


def micro(claims: Bool[np.ndarray, "B C"], marks: Bool[np.ndarray, "B C"]) -> float:
    """Return the micro-averaged F1, 0 … 1; 1 where nothing is claimed and nothing is there."""
    every = int(claims.sum()) + int(marks.sum())
    return 2 * int((claims & marks).sum()) / every if every else 1.0


def by_row(claims: Bool[np.ndarray, "B C"], marks: Bool[np.ndarray, "B C"]) -> Float64[np.ndarray, " B"]:
    """Return one value a row whose mean is the micro-averaged F1, and whose spread tells how sure it is.

    It is the ratio of sums made linear around its value (the delta method): rows can be compared in pairs.
    """
    hits, every = (claims & marks).sum(axis=1), claims.sum(axis=1) + marks.sum(axis=1)
    reached = micro(claims, marks)
    return reached + (2 * hits - reached * every) / max(float(every.mean()), _LOWEST)


def losses(
    probabilities: Float32[np.ndarray, "B C"], marks: Bool[np.ndarray, "B C"]
) -> Float64[np.ndarray, " B"]:
    """Return the binary cross-entropy of each row, all labels together, in nats."""
    given = np.where(marks, probabilities, 1 - probabilities)
    return -np.log(np.maximum(given, _LOWEST), dtype=np.float64).sum(axis=1)


def _best_common(
    probabilities: Float32[np.ndarray, "B C"], marks: Bool[np.ndarray, "B C"]
) -> tuple[float, float]:
    scores, truth = probabilities.ravel(), marks.ravel()
    able = np.flatnonzero(scores > _LOWEST)  # what is below is claimed by nobody
    order = able[np.argsort(-scores[able], kind="stable")]
    if not len(order) or not truth.any():
        return 0.5, 0.0
    hits = np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + truth.sum())
    last = np.append(scores[order][1:] < scores[order][:-1], True)  # equal scores are claimed together
    best = int(np.where(last, f1, -1.0).argmax())
    return _between(scores[order], best), float(f1[best])


def _best_of(
    scores: Float32[np.ndarray, " B"], truth: Bool[np.ndarray, " B"], reached: float, common: float
) -> float:
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    gains = 2 * np.cumsum(truth[order]) - reached * np.arange(1, len(order) + 1)
    last = np.append(ranked[1:] < ranked[:-1], True)
    gains = np.where(last, gains, -np.inf)
    best = int(gains.argmax())
    return _between(ranked, best) if gains[best] > 0 else max(common, float(ranked[0]))


def _between(ranked: Float32[np.ndarray, " B"], last: int) -> float:
    """Return what lies between the last score that is claimed and the next."""
    below = float(ranked[last + 1]) if last + 1 < len(ranked) else 0.0
    return _shares((_odds(float(ranked[last])) + _odds(below)) / 2)


def _odds(share: float) -> float:
    held = min(max(share, _LOWEST), 1 - _LOWEST)
    return float(np.log(held / (1 - held)))


def _shares(odds: float) -> float:
    return float(1 / (1 + np.exp(-odds)))
