"""Probabilities made honest: a temperature, and class weights where labels were drawn unlike the texts.

Source: temperature: Guo et al., ICML 2017, arXiv:1706.04599, section 4.2; class weights: Saerens et al.,
Neural Computation 14 (2002), equations 2.2 to 2.7.
Differs from the papers: the temperature is applied to log-probabilities, since not every candidate has
logits; the shares of the classes are held back towards those of the labels, and used only if far from them.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

_LOWEST = 1e-9
_FAR = 0.25  # share of texts that would have to change class; nearer estimates are not told from errors
_HOLD = 0.3  # weight of the labels' shares, as a share of the number of texts
_TEXTS_PER_CLASS = 20  # fewer unlabelled texts say too little
_ROUNDS = 30


@dataclass(frozen=True)
class Calibration:
    """What is done to a candidate's probabilities before anybody sees them."""

    temperature: float
    weights: tuple[float, ...] | None = None  # of the classes, after the temperature; None = all alike
    # Above which a text has each label, where it may have several: then probabilities are taken as they are.
    thresholds: tuple[float, ...] | None = None

    def apply(self, probabilities: Float32[np.ndarray, "B C"]) -> Float32[np.ndarray, "B C"]:
        """Return calibrated probabilities."""
        if self.thresholds is not None:
            return probabilities
        found = calibrated(probabilities, self.temperature)
        if self.weights is None:
            return found
        weighted = found * np.array(self.weights, dtype=np.float32)
        return weighted / weighted.sum(axis=1, keepdims=True)

    def claims(self, probabilities: Float32[np.ndarray, "B C"]) -> Bool[np.ndarray, "B C"]:
        """Say which labels texts have, where they may have several."""
        assert self.thresholds is not None
        return probabilities > np.array(self.thresholds, dtype=np.float32)


def class_shares(
    probabilities: Float32[np.ndarray, "N C"], labelled: Float64[np.ndarray, " C"]
) -> Float64[np.ndarray, " C"] | None:
    """Estimate which share of unlabelled texts each class has, where it is far from the labels' own.

    ``probabilities`` are the calibrated ones of the unlabelled texts, ``labelled`` the shares of the classes
    among the labels they were learned from. Returns None where the two are near, or the texts are too few.
    """
    count, classes = probabilities.shape
    if count < _TEXTS_PER_CLASS * classes:
        return None
    shares = labelled
    for _ in range(_ROUNDS):
        weighted = probabilities * (shares / labelled)
        weighted /= weighted.sum(axis=1, keepdims=True)
        shares = (weighted.mean(axis=0) + _HOLD * labelled) / (1 + _HOLD)
    return shares if np.abs(shares - labelled).sum() / 2 > _FAR else None


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
