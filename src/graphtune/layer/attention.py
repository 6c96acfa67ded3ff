"""What attention layers share: sums, softmax and weighted sums over the compressed rows of a graph.

Source: the attention of Velickovic et al., ICLR 2018, arXiv:1710.10903, eqs. 2 to 6.
Differs from the paper: nothing of size E H G is ever held. Scores are E H; the weighted sums are one sparse
product a head; what needs features along edges runs over blocks of edges of bounded memory, and anew in the
backward pass.
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from graphtune.errors import PlanError
from graphtune.graph import TextGraph
from graphtune.graph.text_graph import sparse_rows

_BLOCK_BYTES = 1 << 20  # what a processor core's own cache holds; larger blocks are slower, not faster


def edge_sums(
    graph: TextGraph, sent: Float[Tensor, "N H"], received: Float[Tensor, "N H"]
) -> Float[Tensor, "E H"]:
    """Return, for each edge, ``sent`` of its source plus ``received`` of its target."""
    return _EdgeSums.apply(sent, received, graph)


def row_softmax(graph: TextGraph, scores: Float[Tensor, "E H"]) -> Float[Tensor, "E H"]:
    """Return the softmax of ``scores`` over the edges that each node receives, for each head."""
    return _RowSoftmax.apply(scores, graph)


def attend(
    graph: TextGraph, shares: Float[Tensor, "E H"], values: Float[Tensor, "N H G"]
) -> Float[Tensor, "N H G"]:
    """Return, for each node and head, the sum of its neighbours' ``values`` weighted by ``shares``.

    Cost: O(E H G) time, O(E H + N H G) memory, forward and backward. A node without edges yields zeros.
    """
    return _Attend.apply(shares, values, graph)


def width_of_head(outputs: int, heads: int, *, concatenate: bool) -> int:
    """Return how many features each head yields so that together they yield ``outputs``.

    Raises:
        PlanError: the heads are to be concatenated and cannot share ``outputs`` evenly.
    """
    if heads < 1 or (concatenate and outputs % heads):
        raise PlanError(
            f"{outputs} outputs cannot be shared evenly by {heads} attention heads.",
            fix="make outputs a multiple of heads, or set concatenate = false.",
        )
    return outputs // heads if concatenate else outputs


def join_heads(parts: Float[Tensor, "N H G"], *, concatenate: bool) -> Float[Tensor, "N _"]:
    """Set the heads side by side, or average them."""
    return parts.flatten(1) if concatenate else parts.mean(1)


def edge_blocks(graph: TextGraph, row: Tensor) -> Iterator[slice]:
    """Cut the edges into blocks along which one copy of ``row`` an edge takes about a mebibyte."""
    size = max(1, _BLOCK_BYTES // max(1, row.numel() * row.element_size()))
    for start in range(0, graph.edges, size):
        yield slice(start, min(start + size, graph.edges))


def add_block(graph: TextGraph, block: slice, messages: Tensor, total: Tensor) -> None:
    """Add ``messages`` of a block of edges to the rows of ``total`` that receive them."""
    first, last = int(graph.target[block.start]), int(graph.target[block.stop - 1])
    crow = graph.crow[first : last + 2].clamp(block.start, block.stop) - block.start
    edges = messages.shape[0]
    within = torch.arange(edges, device=crow.device, dtype=torch.int32)
    ones = messages.new_ones(edges)
    total[first : last + 1] += sparse_rows(crow.int(), within, ones, (last + 1 - first, edges)) @ messages


def _row_sums(graph: TextGraph, along: Tensor) -> Tensor:
    return torch.segment_reduce(along, "sum", offsets=graph.crow, axis=0, unsafe=True)


def _weighted_sums(graph: TextGraph, shares: Tensor, values: Tensor) -> Tensor:
    pattern = graph.matrix
    crow, col, size = pattern.crow_indices(), pattern.col_indices(), (graph.nodes, graph.nodes)
    by_head = zip(shares.t().contiguous(), values.transpose(0, 1).contiguous(), strict=True)
    return torch.stack([sparse_rows(crow, col, share, size) @ value for share, value in by_head], dim=1)


def _edge_products(graph: TextGraph, near: Tensor, far: Tensor) -> Tensor:
    nodes, heads, width = near.shape
    near, far = near.reshape(nodes, -1), far.reshape(nodes, -1)
    products = near.new_empty(graph.edges, heads)
    for block in edge_blocks(graph, near[0]):
        along = near.index_select(0, graph.target[block])
        along.mul_(far.index_select(0, graph.source[block]))
        torch.sum(along.view(-1, heads, width), -1, out=products[block])
    return products


class _EdgeSums(Function):
    @staticmethod
    def forward(ctx: Any, sent: Tensor, received: Tensor, graph: TextGraph) -> Tensor:
        ctx.graph = graph
        return sent.index_select(0, graph.source).add_(received.index_select(0, graph.target))

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, Tensor, None]:
        graph: TextGraph = ctx.graph
        turned = gradient.index_select(0, graph.transposed_order)
        return _row_sums(graph.transpose, turned), _row_sums(graph, gradient.contiguous()), None


class _RowSoftmax(Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor, graph: TextGraph) -> Tensor:
        scores = scores.contiguous()
        highest = torch.segment_reduce(scores, "max", offsets=graph.crow, axis=0, unsafe=True)
        shares = (scores - highest.index_select(0, graph.target)).exp_()
        shares.div_(_row_sums(graph, shares).index_select(0, graph.target))
        ctx.graph = graph
        ctx.save_for_backward(shares)
        return shares

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None]:
        graph: TextGraph = ctx.graph
        (shares,) = ctx.saved_tensors
        weighted = gradient * shares
        mean = _row_sums(graph, weighted).index_select(0, graph.target)
        return weighted.sub_(mean.mul_(shares)), None


class _Attend(Function):
    @staticmethod
    def forward(ctx: Any, shares: Tensor, values: Tensor, graph: TextGraph) -> Tensor:
        ctx.graph = graph
        ctx.save_for_backward(shares, values)
        return _weighted_sums(graph, shares, values)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, Tensor, None]:
        graph: TextGraph = ctx.graph
        shares, values = ctx.saved_tensors
        turned = shares.index_select(0, graph.transposed_order)
        for_values = _weighted_sums(graph.transpose, turned, gradient)
        return _edge_products(graph, gradient, values), for_values, None
