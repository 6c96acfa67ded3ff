"""What networks say of a model's modules, mended by some that were measured; and which to measure."""

from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from graphtune.structure.gnn.likeness import USUAL, Likeness, likeness
from graphtune.structure.gnn.reader import SHIPPED, Read, read_reader
from graphtune.structure.gnn.refined import probes, refined
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

    Harm, which is not below 0 and spans decades, is mended by its logarithm. Before anything is measured only
    an order is known, as normal scores; they are then read as logarithms, so that every number is above 0: a
    plan takes what is not for worth nothing, or for harmless.
    """
    predicted = read.predicted[:, PURPOSES.index(purpose)]
    if np.isfinite(measured).sum() < _SCALED:
        return np.exp(predicted)
    alike = likeness(graph, read.embedded, how)
    if purpose == "tune":
        return refined(predicted, alike, measured, how.noise)
    above = measured[measured > 0]
    least = _LEAST * above.min() if len(above) else 1.0
    return np.exp(refined(predicted, alike, np.log(np.maximum(measured, least)), how.noise))


def told_most_by(read: Read, graph: ModelGraph, count: int, how: Likeness = USUAL) -> Int64[np.ndarray, " P"]:
    """Return the positions of the modules whose measurement tells most of all others for its cost."""
    able = np.array(
        [at for at, node in enumerate(graph.nodes) if node.parameters and node.kind != "head"], dtype=np.int64
    )
    # A probe runs the blocks from its module's own on, and the rest of the model.
    costs = [2.0 + graph.depth - max(1, min(node.block, graph.depth)) for node in graph.nodes]
    return probes(likeness(graph, read.embedded, how), np.array(costs), able, count, how.noise)


def to_probe(graph: ModelGraph, count: int, weights: Path = SHIPPED) -> tuple[str, ...]:
    """Return the names of ``count`` modules to measure, or of all that can be where there are fewer.

    Raises:
        ModelError: the networks' file is not there, or altered.
    """
    chosen = told_most_by(read_reader(weights).read(graph), graph, count)
    return tuple(graph.nodes[at].name for at in sorted(chosen.tolist()))
