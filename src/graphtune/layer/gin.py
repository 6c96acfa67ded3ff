"""Graph isomorphism layer: sums of neighbours through a two-layer perceptron.

Source: Xu et al., ICLR 2019, arXiv:1810.00826, eq. 4.1.
Differs from the paper: edges may carry weights; no batch normalisation inside the perceptron, which would
let a node's output depend on all others.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphtune.graph import TextGraph, propagate


class GIN(nn.Module):
    """``MLP((1 + epsilon) x + A x)``, the MLP being linear, ReLU, linear; ``epsilon`` is learned from 0.

    No loops are added; an isolated node yields ``MLP((1 + epsilon) x)``. ``hidden`` is the MLP's inner width,
    ``outputs`` if not given. Cost: O(N F G + E G) time, O(N G) memory beside the graph.
    """

    hops: int = 1

    def __init__(self, inputs: int, outputs: int, hidden: int | None = None) -> None:
        super().__init__()
        width = outputs if hidden is None else hidden
        self.first = nn.Linear(inputs, width, bias=False)
        self.bias = nn.Parameter(torch.zeros(width))
        self.second = nn.Linear(width, outputs)
        self.epsilon = nn.Parameter(torch.zeros(1))

    def forward(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Sum each node with its neighbours, then apply the perceptron."""
        # The first linear map before A: messages are then narrow, and a sum may pass through it.
        narrow = self.first(x)
        inner = (1 + self.epsilon) * narrow + propagate(graph, narrow) + self.bias
        return self.second(torch.relu(inner))
