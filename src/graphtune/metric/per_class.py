"""Precision, recall and F1 of every class."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from graphtune.metric.confusion import confusion


@dataclass(frozen=True, eq=False)
class ClassScores:
    """One entry a class; rates are 0 … 1."""

    precision: Float64[np.ndarray, " C"]
    recall: Float64[np.ndarray, " C"]
    f1: Float64[np.ndarray, " C"]
    support: Int64[np.ndarray, " C"]  # rows that have this label


def per_class(
    labels: Int64[np.ndarray, " T"], predicted: Int64[np.ndarray, " T"], classes: int
) -> ClassScores:
    """Score every class; labels and predictions lie in ``0 … classes - 1``, as for `confusion`.

    Nothing divided by nothing is 0: the precision of a class that is never predicted, the recall of one that
    never occurs, the F1 of one of which both hold.
    """
    counts = confusion(labels, predicted, classes)
    hits, support, claims = counts.diagonal(), counts.sum(1), counts.sum(0)
    return ClassScores(
        hits / np.maximum(claims, 1),
        hits / np.maximum(support, 1),
        2 * hits / np.maximum(claims + support, 1),
        support,
    )
