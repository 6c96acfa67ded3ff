"""What networks say of a model's modules, mended by some that were measured."""

import numpy as np
import torch
from jaxtyping import Float64

from graphtune.structure.gnn.reader import Read
from graphtune.structure.gnn.refined import refined
from graphtune.structure.purpose import PURPOSES, Purpose

_SCALED = 2  # measured modules that tell a scale
_LEAST = 0.1  # of the least measured harm, that counts for none: it has no logarithm


def mended(read: Read, purpose: Purpose, measured: Float64[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
    """Return a number a node, in the scale of ``measured`` where two were measured or more.

    Harm, which is not below 0 and spans decades, is mended by its logarithm. Before that many, or where no
    measured harm is above 0, only an order is known, as normal scores; they are then read as logarithms, so
    that every number is above 0: a plan takes what is not for worth nothing, or for harmless.
    """
    predicted = read.predicted[:, PURPOSES.index(purpose)]
    at = np.flatnonzero(np.isfinite(measured))
    if not tells_a_scale(measured[at], purpose):
        return np.exp(predicted)
    said, alike, known = map(
        torch.from_numpy, (predicted.copy(), read.alike, comparable(measured[at], purpose))
    )
    noise, belief = (torch.tensor(value, dtype=torch.float64) for value in (read.noise, read.belief))
    found = refined(said, alike, torch.from_numpy(at), known, noise, belief).numpy()
    return found if purpose == "tune" else np.exp(found)


def tells_a_scale(measured: Float64[np.ndarray, " P"], purpose: Purpose) -> bool:
    """Return whether what was measured of some modules can mend the others."""
    return len(measured) >= _SCALED and (purpose == "tune" or bool((measured > 0).any()))


def comparable(measured: Float64[np.ndarray, " P"], purpose: Purpose) -> Float64[np.ndarray, " P"]:
    """Return what is mended of measured numbers: of harm, of which some is above 0, the logarithm."""
    if purpose == "tune":
        return measured
    return np.log(np.maximum(measured, _LEAST * measured[measured > 0].min()))
