"""Rows of a graph, cut so that each cut holds about as much."""

from collections.abc import Iterator

import torch
from jaxtyping import Int64
from torch import Tensor

from graphtune.graph.text_graph import TextGraph


def row_blocks(graph: TextGraph, rows: Int64[Tensor, " M"], most: int) -> Iterator[Int64[Tensor, " B"]]:
    """Cut ``rows`` into blocks whose rows and edges together are at most ``most``, but at least one row."""
    held = torch.cumsum(graph.crow[rows + 1] - graph.crow[rows] + 1, 0)
    start, before = 0, 0
    while start < len(rows):
        stop = int(torch.searchsorted(held, before + most, right=True))
        stop = max(stop, start + 1)
        yield rows[start:stop]
        start, before = stop, int(held[stop - 1])
