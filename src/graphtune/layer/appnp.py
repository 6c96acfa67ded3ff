"""Personalised PageRank of predictions, by power iteration.

Source: Gasteiger et al., ICLR 2019, arXiv:1810.05997, eqs. 4 and 5.
Differs from the paper: the map before the propagation is linear (stack a layer before it for a deeper one);
edges may carry weights; no dropout on the adjacency; no softmax inside.
"""

from jaxtyping import Float
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.graph import TextGraph, propagate


class APPNP(nn.Module):
    """``h = x W + b``, then K times ``z <- (1 - alpha) S z + alpha h`` from ``z = h``; K = ``hops``.

    ``x`` is N F, ``h``, ``z`` and the output are N G: the map comes first, so all hops run on G features.
    ``S = D^-1/2 (A + I) D^-1/2``. Cost: O(N F G + K E G) time, O(N G) memory beside the graph.

    Raises:
        PlanError: ``hops`` is negative, or ``alpha`` does not lie in 0 … 1.
    """

    def __init__(self, inputs: int, outputs: int, hops: int = 10, alpha: float = 0.1) -> None:
        super().__init__()
        if hops < 0 or not 0 <= alpha <= 1:
            raise PlanError(
                f"hops = {hops}, alpha = {alpha} cannot be propagated with.",
                fix="give a number of hops from 0 on and an alpha from 0 to 1.",
            )
        self.linear = nn.Linear(inputs, outputs)
        self.hops = hops
        self.alpha = alpha  # share of its own ``h`` that a node takes back at each hop, 0 … 1

    def forward(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Map the features, then propagate them, returning to their start in part at each hop."""
        smoother = graph.with_loops().normalised()
        start = self.linear(x)
        back = self.alpha * start
        smoothed = start
        for _ in range(self.hops):
            smoothed = (1 - self.alpha) * propagate(smoother, smoothed) + back
        return smoothed
