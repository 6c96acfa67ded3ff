"""Simplified graph convolution: several hops of smoothing, one linear map.

Source: Wu et al., ICML 2019, arXiv:1902.07153, eq. 8.
Differs from the paper: edges may carry weights; a bias is added; no softmax inside.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.graph import TextGraph, propagate


class SGC(nn.Module):
    """``S^K x W + b`` with ``S = D^-1/2 (A + I) D^-1/2`` and K = ``hops``; ``hops`` = 0 is a linear map.

    Cost: O(N F G + K E G) time, O(N G) memory beside the graph.

    Raises:
        PlanError: ``hops`` is negative.
    """

    def __init__(self, inputs: int, outputs: int, hops: int = 2) -> None:
        super().__init__()
        if hops < 0:
            raise PlanError(f"hops = {hops} is negative.", fix="give a number of hops from 0 on.")
        self.weight = nn.Linear(inputs, outputs, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.hops = hops

    def forward(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Map the features, then smooth them over the hops."""
        smoother = graph.with_loops().normalised()
        # W before S: the order does not matter to the result, and G is much smaller than F for texts.
        smoothed = self.weight(x)
        for _ in range(self.hops):
            smoothed = propagate(smoother, smoothed)
        return smoothed + self.bias
