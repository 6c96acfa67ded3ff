"""Which of a model's modules to measure, so that networks can tell the others."""

from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from graphtune.errors import PlanError
from graphtune.structure.gnn.reader import SHIPPED, Read, read_reader
from graphtune.structure.gnn.refined import probes
from graphtune.structure.model_graph import ModelGraph


def told_most_by(read: Read, graph: ModelGraph, count: int) -> Int64[np.ndarray, " P"]:
    """Return the positions of the modules whose measurement tells most of all others for its cost."""
    return probes(read.alike, *measurable(graph), count, read.noise)


def measurable(graph: ModelGraph) -> tuple[Float64[np.ndarray, " N"], Int64[np.ndarray, " M"]]:
    """Return what measuring costs at each module, in blocks, and the positions of those that have weights."""
    able = [at for at, node in enumerate(graph.nodes) if node.parameters and node.kind != "head"]
    # A probe runs the blocks from its module's own on, and the rest of the model.
    costs = [2.0 + graph.depth - max(1, min(node.block, graph.depth)) for node in graph.nodes]
    return np.array(costs), np.array(able, dtype=np.int64)


def to_probe(graph: ModelGraph, count: int, weights: Path = SHIPPED) -> tuple[str, ...]:
    """Return the names of ``count`` modules to measure, or of all that can be where there are fewer.

    Raises:
        PlanError: ``count`` is less than 1, or no module can be measured.
        ModelError: the networks' file is not there, or altered.
    """
    if count < 1:
        raise PlanError(f"{count} modules cannot be measured.", fix="ask for 1 or more.")
    chosen = told_most_by(read_reader(weights).read(graph), graph, count)
    if not len(chosen):
        raise PlanError("No module of the model has weights to try.", fix="analyse it without probes.")
    return tuple(graph.nodes[at].name for at in sorted(chosen.tolist()))
