"""How often each class is taken for each other."""

import numpy as np
from jaxtyping import Int64


def confusion(
    labels: Int64[np.ndarray, " T"], predicted: Int64[np.ndarray, " T"], classes: int
) -> Int64[np.ndarray, "C C"]:
    """Count the rows of each label (first axis) that were predicted as each class (second axis).

    Both lie in ``0 … classes - 1``. Labels unseen in training are the caller's: give them numbers from the
    model's number of classes on, and count them in ``classes``; their columns stay empty.
    """
    counts = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return counts.astype(np.int64).reshape(classes, classes)
