"""A node's own features beside the mean of its neighbours'.

Source: Hamilton et al., NeurIPS 2017, arXiv:1706.02216, algorithm 1 with the mean aggregator.
Differs from the paper: every neighbour counts, none is sampled; edges may carry weights (a weighted mean);
no L2 normalisation of the output and no nonlinearity inside.
"""

from jaxtyping import Float
from torch import Tensor, nn

from graphtune.graph import TextGraph, propagate


class SAGE(nn.Module):
    """``x W_own + mean(x of the neighbours) W_near + b``; an isolated node yields ``x W_own + b``.

    No loops are added. Cost: O(N F G + E G) time, O(N G) memory beside the graph.
    """

    hops: int = 1

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.own = nn.Linear(inputs, outputs)
        self.near = nn.Linear(inputs, outputs, bias=False)

    def forward(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Set each node beside the mean of its neighbours."""
        # W before the mean: messages are then G wide, and text features have F much larger than G.
        mean = propagate(graph.normalised("row"), self.near(x))
        # In place: a fresh result of this size costs more than the sum.
        return mean.addmm_(x, self.own.weight.t()).add_(self.own.bias)
