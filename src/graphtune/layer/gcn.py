"""Graph convolution with symmetric degree normalisation.

Source: Kipf & Welling, ICLR 2017, arXiv:1609.02907, eq. 8.
Differs from the paper: edges may carry weights.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphtune.graph import TextGraph, propagate


class GCN(nn.Module):
    """``D^-1/2 (A + I) D^-1/2 x W + b``; an isolated node yields ``x W + b``.

    Cost: O(N F G + E G) time, O(N G) memory beside the graph.
    """

    hops: int = 1

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Linear(inputs, outputs, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Mix each node with its neighbours."""
        # W before A: messages are then G wide, and text features have F much larger than G.
        return propagate(graph.with_loops().normalised(), self.weight(x)).add_(self.bias)
