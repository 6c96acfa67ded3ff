"""Consecutive rows of a graph, cut so that each cut holds about as much."""

from collections.abc import Iterator

import torch
from jaxtyping import Int64
from torch import Tensor

from graphtune.graph.text_graph import TextGraph


def row_blocks(graph: TextGraph, most: int) -> Iterator[Int64[Tensor, " B"]]:
    """Cut the nodes into blocks whose rows and edges together are at most ``most``, but at least one row."""
    held = graph.crow + torch.arange(graph.nodes + 1, device=graph.crow.device)
    start = 0
    while start < graph.nodes:
        stop = int(torch.searchsorted(held, held[start] + most, right=True)) - 1
        stop = max(stop, start + 1)
        yield torch.arange(start, stop, device=graph.crow.device)
        start = stop
