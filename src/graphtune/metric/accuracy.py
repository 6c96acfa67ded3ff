"""The share of texts that are labelled rightly."""

import numpy as np
from jaxtyping import Int64


def accuracy(labels: Int64[np.ndarray, " T"], predicted: Int64[np.ndarray, " T"]) -> float:
    """Return the share of rows whose prediction is their label, 0 … 1; NaN without rows.

    A label unseen in training may be any number that is no class of the model, such as -1: it is never met.
    """
    return float(np.mean(labels == predicted)) if labels.size else float("nan")
