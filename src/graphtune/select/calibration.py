"""One temperature that makes held-out probabilities honest.

Source: Guo et al., ICML 2017, arXiv:1706.04599, section 4.2.
Differs from the paper: applied to log-probabilities, since not every candidate has logits.
"""

import numpy as np
from jaxtyping import Float32, Int64

_LOWEST = 1e-9


def temperature(probabilities: Float32[np.ndarray, "B C"], labels: Int64[np.ndarray, " B"]) -> float:
    """Return the temperature, 0.05 … 20, with the smallest negative log-likelihood on held-out rows."""
    from scipy.optimize import minimize_scalar

    logits = np.log(np.maximum(probabilities, _LOWEST))
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        top = scaled.max(axis=1)
        normaliser = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        return float((normaliser - scaled[rows, labels]).mean())

    found = minimize_scalar(
        loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded", options={"xatol": 1e-3}
    )
    return float(np.exp(found.x))


def calibrated(probabilities: Float32[np.ndarray, "B C"], temperature: float) -> Float32[np.ndarray, "B C"]:
    """Return the probabilities at a temperature; the most probable class stays the same."""
    logits = np.log(np.maximum(probabilities, _LOWEST)) / np.float32(temperature)
    grown = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return (grown / grown.sum(axis=1, keepdims=True)).astype(np.float32)
