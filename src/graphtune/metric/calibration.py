"""Whether a model that says 80 % is right four times in five.

Source: Guo et al., ICML 2017, arXiv:1706.04599, eq. 3.
"""

import numpy as np
from jaxtyping import Float, Int64


def expected_calibration_error(
    probabilities: Float[np.ndarray, "T C"], labels: Int64[np.ndarray, " T"], bins: int = 15
) -> float:
    """Return the mean of |accuracy - confidence| over bins, each counting by its rows.

    The result lies in 0 … 1; it is NaN without rows. Confidence is the highest probability of a row, its
    class the prediction. The bins have equal width and hold their upper edge, not their lower:
    ``(0, 1/15], (1/15, 2/15], …``; the first holds 0 too.
    A label that is no column, such as -1, is never met.
    """
    if not labels.size:
        return float("nan")
    confidence = probabilities.max(1).astype(np.float64)
    right = probabilities.argmax(1) == labels
    edges = np.linspace(0, 1, bins + 1)
    place = np.digitize(confidence, edges[1:-1], right=True)
    gaps = np.bincount(place, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / labels.size)
