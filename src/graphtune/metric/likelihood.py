"""How much probability the model gave to what turned out true."""

import numpy as np
from jaxtyping import Float, Int64


def negative_log_likelihood(
    probabilities: Float[np.ndarray, "T C"], labels: Int64[np.ndarray, " T"]
) -> float:
    """Return the mean of ``-log p(label)``, in nats; NaN without rows.

    A probability below the smallest step of its floating-point type counts as that step, so that one row
    that was ruled out does not make the mean infinite. Labels lie in ``0 … C - 1``; rows whose label is
    unseen in training are the caller's to leave out.
    """
    if not labels.size:
        return float("nan")
    given = np.take_along_axis(probabilities, labels[:, None], axis=1)
    return float(-np.log(np.maximum(given, np.finfo(probabilities.dtype).eps), dtype=np.float64).mean())
