"""What a network over model graphs is told of each module: its order among the others, not raw numbers.

Encoders differ in width and depth, and tasks in the scale of their gradients; where a module stands among the
others of its model is what carries over from one to the next.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import Tensor

from graphtune.structure.model_graph import KINDS, ModelGraph
from graphtune.structure.task_columns import TASK_COLUMNS
from graphtune.structure.weights import WEIGHT_COLUMNS

RANKED: Final = (*WEIGHT_COLUMNS, *TASK_COLUMNS)  # columns of which the order is told
_COSTS: Final = ("parameters", "flops", "activation_bytes")
_PLACES: Final = ("share of the depth", "before the blocks", "last block", "behind the blocks")
INPUTS: Final = (*KINDS, *_PLACES, *_COSTS, *RANKED, *(f"{name} within its kind" for name in RANKED))


def inputs(graph: ModelGraph) -> Float32[Tensor, "N F"]:
    """Return `INPUTS` of every node; a column that is not there, or has no number for it, is 0.

    Costs and columns are ranks among all nodes, and columns also among those of the same kind, as normal
    scores (van der Waerden): 0 is the middle.
    """
    kinds = np.array([[float(node.kind == kind) for kind in KINDS] for node in graph.nodes])
    places = [
        [
            node.block / (graph.depth + 1),
            float(node.block == 0),
            float(node.block == graph.depth),
            float(node.block > graph.depth),
        ]
        for node in graph.nodes
    ]
    costs = [normal_scores([float(getattr(node, name)) for node in graph.nodes]) for name in _COSTS]
    missing = (np.nan,) * len(graph.nodes)
    columns = [np.array(graph.columns.get(name, missing)) for name in RANKED]
    among_all = [normal_scores(column) for column in columns]
    within = [_within(column, kinds.argmax(axis=1)) for column in columns]
    table = np.column_stack([kinds, np.array(places), *costs, *among_all, *within])
    return torch.from_numpy(np.nan_to_num(table).astype(np.float32))


def normal_scores(values: Sequence[float] | np.ndarray) -> Float64[np.ndarray, " N"]:
    """Return the normal quantiles of the ranks of ``values``; equals share theirs, and NaN stays NaN."""
    from scipy.stats import norm, rankdata

    given = np.asarray(values, dtype=np.float64)
    known = np.isfinite(given)
    found = np.full(len(given), np.nan)
    if known.any():
        found[known] = norm.ppf(rankdata(given[known]) / (known.sum() + 1))
    return found


def _within(column: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    found = np.full(len(column), np.nan)
    for kind in np.unique(kinds):
        found[kinds == kind] = normal_scores(column[kinds == kind])
    return found
