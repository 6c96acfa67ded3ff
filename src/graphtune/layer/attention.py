"""What attention layers share: sums, softmax and weighted sums over the compressed rows of a graph.

Source: the attention of Velickovic et al., ICLR 2018, arXiv:1710.10903, eqs. 2 to 6.
Differs from the paper: nothing of size E H G is ever held. Scores are H E, head by head; sums over what a
node receives and their gradients are sparse products, one a head; what else needs features along edges runs
over blocks of edges of bounded memory, and anew in the backward pass.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from graphtune.errors import PlanError
from graphtune.graph import TextGraph
from graphtune.graph.sparse_rows import SparseRows

_SAMPLED_FORMATS = (torch.float32, torch.float64)
_BLOCK_BYTES = 1 << 20  # what a processor core's own cache holds; larger blocks are slower, not faster


def edge_sums(
    graph: TextGraph, sent: Float[Tensor, "N H"], received: Float[Tensor, "N H"]
) -> Float[Tensor, "H E"]:
    """Return, for each edge, ``sent`` of its source plus ``received`` of its target."""
    return _EdgeSums.apply(sent, received, graph)


def row_softmax(graph: TextGraph, scores: Float[Tensor, "H E"]) -> Float[Tensor, "H E"]:
    """Return the softmax of ``scores`` over the edges that each node receives, for each head."""
    return _RowSoftmax.apply(scores, graph)


def attend(
    graph: TextGraph, shares: Float[Tensor, "H E"], values: Float[Tensor, "N H G"]
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
    total[first : last + 1] += SparseRows(crow.int(), within, ones, edges) @ messages


def turned(graph: TextGraph, along: Float[Tensor, "H E"]) -> Float[Tensor, "H E"]:
    """Return what stands along the edges in the order of the transposed graph."""
    return _at(along, graph.transposed_order)


def _for_each(graph: TextGraph, along: Tensor) -> SparseRows:
    return replace(graph.matrix, values=along)


def _at(each: Tensor, places: Tensor) -> Tensor:
    # Half the time of an index_select along rows.
    return each.gather(1, places.expand(each.shape[0], -1))


def _row_sums(graph: TextGraph, along: Tensor) -> Tensor:
    one = along.new_ones(graph.nodes, 1)
    return torch.stack([(_for_each(graph, head) @ one).squeeze(1) for head in along])


def _weighted_sums(graph: TextGraph, shares: Tensor, values: Tensor) -> Tensor:
    sums = torch.empty_like(values)
    for head, share in enumerate(shares):
        sums[:, head] = _for_each(graph, share) @ values[:, head]
    return sums


def _edge_products(graph: TextGraph, near: Tensor, far: Tensor) -> Tensor:
    products = near.new_empty(near.shape[1], graph.edges)
    if near.dtype in _SAMPLED_FORMATS and (near.is_cuda or torch.backends.mkl.is_available()):
        for head, along in enumerate(products):
            along.copy_(graph.matrix.sampled(near[:, head], far[:, head]))
        return products
    for block in edge_blocks(graph, near[0]):
        along = near.index_select(0, graph.target[block])
        along.mul_(far.index_select(0, graph.source[block]))
        products[:, block] = along.sum(-1).t()
    return products


class _EdgeSums(Function):
    @staticmethod
    def forward(ctx: Any, sent: Tensor, received: Tensor, graph: TextGraph) -> Tensor:
        ctx.graph = graph
        sums = _at(sent.t().contiguous(), graph.source)
        return sums.add_(_at(received.t().contiguous(), graph.target))

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, Tensor, None]:
        graph: TextGraph = ctx.graph
        gradient = gradient.contiguous()
        sent = _row_sums(graph.transpose, turned(graph, gradient))
        return sent.t(), _row_sums(graph, gradient).t(), None


class _RowSoftmax(Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor, graph: TextGraph) -> Tensor:
        highest = torch.stack(
            [
                torch.segment_reduce(head, "max", offsets=graph.crow, axis=0, unsafe=True)
                for head in scores.contiguous()
            ]
        )
        shares = (scores - _at(highest, graph.target)).exp_()
        shares.div_(_at(_row_sums(graph, shares), graph.target))
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
        mean = _at(_row_sums(graph, weighted), graph.target)
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
        gradient = gradient.contiguous()
        for_values = _weighted_sums(graph.transpose, turned(graph, shares), gradient)
        return _edge_products(graph, gradient, values), for_values, None
