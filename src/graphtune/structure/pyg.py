"""A model graph for PyTorch Geometric, for those who have it: the extra ``pyg``."""

from typing import TYPE_CHECKING

import torch

from graphtune.errors import MissingExtraError
from graphtune.structure.model_graph import KINDS, ModelGraph

if TYPE_CHECKING:
    from torch_geometric.data import Data

_COSTS = ("parameters", "FLOPs", "activation bytes", "block")


def to_pyg(graph: ModelGraph) -> "Data":
    """Return a PyG ``Data`` with one row a module.

    ``x`` holds ``log(1 + count)`` of its costs, its block as a share of the depth, a 1 under its kind, and
    the graph's columns as they are, but 0 where there is no number; ``x_names`` names them. ``edge_attr`` is
    one number an edge, 1 where it is residual; ``names`` are those of the modules.

    Raises:
        MissingExtraError: PyG is not installed.
    """
    try:
        from torch_geometric.data import Data
    except ImportError as error:
        raise MissingExtraError("pyg", "to_pyg") from error
    counts = torch.tensor(
        [[n.parameters, n.flops, n.activation_bytes] for n in graph.nodes], dtype=torch.float64
    )
    block = torch.tensor([[node.block / (graph.depth + 1)] for node in graph.nodes], dtype=torch.float64)
    kinds = torch.tensor([[float(node.kind == kind) for kind in KINDS] for node in graph.nodes]).double()
    names = sorted(graph.columns)
    measured = torch.tensor([graph.columns[name] for name in names], dtype=torch.float64)
    parts = [counts.log1p(), block, kinds]
    if names:
        parts.append(measured.T.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0))
    ends = torch.tensor([[edge.source, edge.target] for edge in graph.edges], dtype=torch.int64)
    residual = torch.tensor([[float(edge.residual)] for edge in graph.edges])
    data = Data(
        x=torch.cat(parts, dim=1).float(),
        edge_index=ends.reshape(-1, 2).T.contiguous(),
        edge_attr=residual.reshape(-1, 1),
        num_nodes=len(graph.nodes),
    )
    data.x_names = [*_COSTS, *KINDS, *names]
    data.names = [node.name for node in graph.nodes]
    return data
