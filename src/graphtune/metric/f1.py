"""F1 over all classes: each class alike (macro), or each row alike (micro)."""

import numpy as np
from jaxtyping import Int64

from graphtune.metric.per_class import per_class


def f1_macro(labels: Int64[np.ndarray, " T"], predicted: Int64[np.ndarray, " T"], classes: int) -> float:
    """Return the mean of the classes' F1, 0 … 1; NaN without rows.

    The mean runs over the classes that occur among the labels or the predictions, as scikit-learn's: a class
    that is predicted and never occurs counts as 0, one that does neither does not count.
    Labels and predictions lie in ``0 … classes - 1``, as for `confusion`.
    """
    if not labels.size:
        return float("nan")
    occurring = np.union1d(labels, predicted)
    return float(per_class(labels, predicted, classes).f1[occurring].mean())


def f1_micro(labels: Int64[np.ndarray, " T"], predicted: Int64[np.ndarray, " T"], classes: int) -> float:
    """Return F1 of all rows' decisions together, 0 … 1; NaN without rows.

    Where every row has one label and one prediction it is the accuracy. Labels and predictions lie in
    ``0 … classes - 1``, as for `confusion`.
    """
    if not labels.size:
        return float("nan")
    scores = per_class(labels, predicted, classes)
    return float((scores.recall * scores.support).sum() / labels.size)
