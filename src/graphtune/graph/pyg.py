"""To and from PyTorch Geometric, for those who have it: the extra ``pyg``."""

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from graphtune.errors import GraphError, MissingExtraError
from graphtune.graph.text_graph import TextGraph

if TYPE_CHECKING:
    from torch_geometric.data import Data


def to_pyg(
    graph: TextGraph,
    features: Float[Tensor, "N F"] | None = None,
    labels: Int64[Tensor, " N"] | None = None,
) -> "Data":
    """Return a PyG ``Data``; features become ``x``, labels ``y``, weights ``edge_weight``.

    Its ``texts`` says how many of the nodes, the first ones, are texts. Nothing is copied but the edge ends.

    Raises:
        MissingExtraError: PyG is not installed.
    """
    try:
        from torch_geometric.data import Data
    except ImportError as error:
        raise MissingExtraError("pyg", "to_pyg") from error
    data = Data(
        x=features,
        edge_index=torch.stack([graph.source, graph.target]),
        y=labels,
        edge_weight=graph.weight,
        num_nodes=graph.nodes,
    )
    data.texts = graph.texts
    return data


def from_pyg(data: "Data") -> tuple[TextGraph, Float[Tensor, "N F"] | None, Int64[Tensor, " N"] | None]:
    """Return the graph, the features ``x`` and the labels ``y`` of a PyG ``Data``; None for what it lacks.

    Weights are ``edge_weight``, else ``edge_attr`` if that is one number an edge, else 1. Duplicate edges are
    added up, their order is lost. PyG itself is not needed for this.

    Raises:
        GraphError: there is no ``edge_index``, an edge end is no node, the weights are not one finite number
            an edge, or ``y`` is not one whole number a node.
    """
    ends = data.edge_index
    if ends is None:
        raise GraphError("The PyG data have no edge_index.", fix="set data.edge_index, of shape [2, edges].")
    weight = data.edge_attr if data.get("edge_weight") is None else data.edge_weight
    if weight is not None:
        if weight.numel() != ends.shape[1]:
            raise GraphError(
                f"Weights of shape {list(weight.shape)} do not fit {ends.shape[1]} edges.",
                fix="set data.edge_weight to one number an edge.",
            )
        weight = weight.detach().flatten()
        weight = weight if weight.is_floating_point() else weight.float()
    nodes = int(data.num_nodes or 0)
    graph = TextGraph.from_edges(ends[0], ends[1], weight, nodes=nodes, texts=int(data.get("texts", nodes)))
    return graph, data.x, _labels(data, nodes)


def _labels(data: "Data", nodes: int) -> Int64[Tensor, " N"] | None:
    labels = data.y
    if labels is None:
        return None
    if not isinstance(labels, Tensor) or labels.is_floating_point() or labels.numel() != nodes:
        shape = list(labels.shape) if isinstance(labels, Tensor) else type(labels).__name__
        raise GraphError(
            f"Labels y ({shape}) are not one class index for each of the {nodes} nodes.",
            fix="set data.y to a whole number a node, -1 where the label is unknown, or to None.",
        )
    return labels if labels.dtype == torch.int64 and labels.dim() == 1 else labels.flatten().long()
