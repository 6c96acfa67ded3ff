"""Graph attention whose ranking of neighbours depends on the node that asks.

Source: Brody et al., ICLR 2022, arXiv:2105.14491, eq. 7.
Differs from the paper: source and target have weights of their own, with biases; dropout on the
attention is off unless asked for; no nonlinearity inside.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import leaky_relu

from graphtune.graph import TextGraph
from graphtune.layer.attention import (
    add_block,
    attend,
    edge_blocks,
    join_heads,
    row_softmax,
    turned,
    width_of_head,
)
from graphtune.layer.dropout import check_dropout, dropped


class GATv2(nn.Module):
    """Per head ``softmax_j(a · LeakyReLU(W_r x_i + W_s x_j))`` weighs ``W_s x_j`` over the neighbours j.

    Loops are added, so an isolated node yields ``W_s x + b``. As in the paper, the weights of edges are
    ignored: what is no edge must not be in the graph. ``outputs`` is the width of the result: with
    ``concatenate`` each of the ``heads`` is ``outputs / heads`` wide, without it they are ``outputs`` wide
    each and averaged.
    Cost: O(N F G + E G) time, O(E H + N G) memory beside the graph.

    Raises:
        PlanError: ``concatenate`` is on and ``outputs`` is no multiple of ``heads``, or ``dropout`` is not at
            least 0 and less than 1.
    """

    hops: int = 1

    def __init__(
        self,
        inputs: int,
        outputs: int,
        heads: int = 4,
        *,
        concatenate: bool = True,
        slope: float = 0.2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        width = width_of_head(outputs, heads, concatenate=concatenate)
        check_dropout(dropout)
        self.sent = nn.Linear(inputs, heads * width)
        self.received = nn.Linear(inputs, heads * width)
        self.attention = nn.Parameter(torch.empty(heads, width))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.concatenate, self.heads = concatenate, heads
        self.slope = slope  # of LeakyReLU below zero
        self.dropout = dropout  # share of the attention that is left out of a training step
        for parameter in (self.sent.weight, self.received.weight, self.attention):
            nn.init.xavier_uniform_(parameter)
        nn.init.zeros_(self.sent.bias)
        nn.init.zeros_(self.received.bias)

    def forward(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Let each node choose among its neighbours."""
        looped = graph.with_loops()
        sent, received = self.sent(x), self.received(x)
        shares = row_softmax(looped, _Scores.apply(sent, received, self.attention, self.slope, looped))
        if self.training:
            shares = dropped(shares, self.dropout)
        values = sent.view(-1, *self.attention.shape)
        return join_heads(attend(looped, shares, values), concatenate=self.concatenate) + self.bias


class _Scores(Function):
    """``a · LeakyReLU(sent_j + received_i)`` for every edge and head."""

    @staticmethod
    def forward(
        ctx: Any, sent: Tensor, received: Tensor, attention: Tensor, slope: float, graph: TextGraph
    ) -> Tensor:
        ctx.graph, ctx.slope = graph, slope
        ctx.save_for_backward(sent, received, attention)
        scores = sent.new_empty(attention.shape[0], graph.edges)
        for block in edge_blocks(graph, attention):
            along = sent.index_select(0, graph.source[block])
            along.add_(received.index_select(0, graph.target[block]))
            along = leaky_relu(along, slope, inplace=True).view(-1, *attention.shape)
            scores[:, block] = along.mul_(attention).sum(-1).t()
        return scores

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, None, None]:
        graph: TextGraph = ctx.graph
        sent, received, attention = ctx.saved_tensors
        for_attention = torch.zeros_like(attention)
        for_received = _pull(graph, gradient, received, sent, attention, ctx.slope, for_attention)
        # The sum is the same seen from either end, so the sources' share is a pull over the turned graph:
        # its edges lie sorted by what they add to, which scattering from this graph's order would not.
        from_there = turned(graph, gradient)
        for_sent = _pull(graph.transpose, from_there, sent, received, attention, ctx.slope)
        return for_sent, for_received, for_attention, None, None


def _pull(
    graph: TextGraph,
    gradient: Tensor,
    near: Tensor,
    far: Tensor,
    attention: Tensor,
    slope: float,
    for_attention: Tensor | None = None,
) -> Tensor:
    for_near = torch.zeros_like(near)
    for block in edge_blocks(graph, attention):
        along = near.index_select(0, graph.target[block])
        along.add_(far.index_select(0, graph.source[block]))
        along = along.view(-1, *attention.shape)
        weighted = attention * gradient[:, block].t().unsqueeze(-1)
        weighted = torch.ops.aten.leaky_relu_backward(weighted, along, slope, False)
        add_block(graph, block, weighted.flatten(1), for_near)
        if for_attention is not None:
            activated = leaky_relu(along, slope, inplace=True)
            for_attention += activated.mul_(gradient[:, block].t().unsqueeze(-1)).sum(0)
    return for_near
