"""How much of a mean of two each member is.

Source: Breiman, Machine Learning 24 (1996), section 2 (stacked shares, not negative, that sum to 1).
Differs from the paper: the mixture's likelihood of held-out rows is what is maximised, and equal shares are
believed in beforehand, as strongly as a Beta distribution says; few rows move them little.
"""

import numpy as np
from jaxtyping import Float32, Int64

_BELIEF = 3.0  # both parameters of the Beta distribution
_SHARES = np.arange(1, 20) / 20


def second_share(
    first: Float32[np.ndarray, "B C"],
    second: Float32[np.ndarray, "B C"],
    labels: Int64[np.ndarray, " B"],
    repeats: int,
) -> float:
    """Return the likeliest share of ``second`` by rows that judge ``repeats`` times each; 0.05 to 0.95."""
    rows = np.arange(len(labels))
    one, other = first[rows, labels].astype(np.float64), second[rows, labels].astype(np.float64)
    mixed = np.outer(1 - _SHARES, one) + np.outer(_SHARES, other)
    belief = (_BELIEF - 1) * (np.log(_SHARES) + np.log1p(-_SHARES))
    likely = np.log(np.maximum(mixed, 1e-9)).sum(axis=1) / repeats + belief
    # Of equals the most even.
    return float(max(zip(np.round(likely, 9), -np.abs(_SHARES - 0.5), _SHARES, strict=True))[2])
