"""What a graph layer is."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from graphtune.graph import TextGraph


@runtime_checkable
class GraphLayer(Protocol):
    """A module that maps features of nodes to features of nodes along a graph's edges.

    Constructed as ``Layer(inputs, outputs, ...)``; both are widths in features. Its attribute ``hops`` says
    how many edges away the furthest node is on which a node's output depends. Where a layer reads the weights
    of edges, they have the floating-point type of ``x``.
    """

    # No declaration of ``hops`` here: classes could not be checked against a protocol with attributes.
    def __call__(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Return the new features of every node."""
        ...
