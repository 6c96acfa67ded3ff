"""One step of message passing, ``A x``, with its own backward pass over the cached transpose."""

from typing import Any

from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from graphtune.graph.text_graph import TextGraph


def propagate(graph: TextGraph, x: Float[Tensor, "N F"]) -> Float[Tensor, "N F"]:
    """Return, for each node, the weighted sum of its neighbours' rows of ``x``.

    Cost: O(E F) time, O(N F) memory, forward and backward. Gradients flow to ``x``; edge weights are
    constants and have the floating-point type of ``x``.
    """
    return _Product.apply(x, graph)


class _Product(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, graph: TextGraph) -> Tensor:
        ctx.graph = graph
        return graph.matrix @ x

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None]:
        return ctx.graph.transpose.matrix @ gradient.contiguous(), None
