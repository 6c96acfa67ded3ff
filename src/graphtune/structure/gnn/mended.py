"""What networks say of a model's modules, mended by some that were measured."""

import numpy as np
from jaxtyping import Float64

from graphtune.structure.gnn.likeness import USUAL, Likeness, likeness
from graphtune.structure.gnn.reader import Read
from graphtune.structure.gnn.refined import refined
from graphtune.structure.model_graph import ModelGraph
from graphtune.structure.purpose import PURPOSES, Purpose

_SCALED = 2  # measured modules that tell a scale
_LEAST = 0.1  # of the least measured harm, that counts for none: it has no logarithm


def mended(
    read: Read,
    graph: ModelGraph,
    purpose: Purpose,
    measured: Float64[np.ndarray, " N"],
    how: Likeness = USUAL,
) -> Float64[np.ndarray, " N"]:
    """Return a number a node, in the scale of ``measured`` where two were measured or more.

    Harm, which is not below 0 and spans decades, is mended by its logarithm. Before that many, or where no
    measured harm is above 0, only an order is known, as normal scores; they are then read as logarithms, so
    that every number is above 0: a plan takes what is not for worth nothing, or for harmless.
    """
    predicted = read.predicted[:, PURPOSES.index(purpose)]
    above = measured[measured > 0]
    if np.isfinite(measured).sum() < _SCALED or (purpose != "tune" and not len(above)):
        return np.exp(predicted)
    alike = likeness(graph, read.embedded, how)
    if purpose == "tune":
        return refined(predicted, alike, measured, how.noise)
    least = _LEAST * above.min()
    return np.exp(refined(predicted, alike, np.log(np.maximum(measured, least)), how.noise))
