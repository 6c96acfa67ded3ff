"""Weights whose variance makes up for what message passing over the task's own graph does to the signal.

Source: Li et al., ICML 2023, arXiv:2312.02622 (Virgo, its forward variance), as in the authors' published
code: ``Var(W) = 2 / inputs * |S^(l-1) m|² / |S^l m|²`` for layer l, ``S = D^-1/2 (A + I) D^-1/2`` whatever
the layer, ``m`` the mean feature of each node, and ``2 / inputs`` for the first layer.
Differs from the paper: Virgo-style. The formula takes ReLU for a gate that does not depend on the signal, and
features for multiples of their mean; where these have both signs, as embeddings have, the signal then grows
from layer to layer. Here the same ratio, of the mean square that a layer is given to that which it and ReLU
pass on, is measured layer by layer on the task's features and graph, with the message passing that the layer
itself does: weights of edges, sums, attention and several hops count as they are. The first layer is treated
as all others. The head, behind which there is neither graph nor ReLU, has ``Var(W) = 1 / inputs``. The
paper's other form, for the backward variance, is left out.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphtune.graph import TextGraph
from graphtune.initial.drawn import redraw, uniform
from graphtune.model import Model, Task
from graphtune.model.graph import BLOCK_BYTES, in_blocks
from graphtune.phase import Phase

_CLOSE = 1e-3  # of the logarithm of the mean square to the one that is wanted
_TRIES = 8


@dataclass(frozen=True)
class Virgo:
    """Uniform weights with which the mean square of all nodes' features is the same behind every layer.

    Biases are 0. Cost: two or three passes over the whole graph, in blocks.
    """

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Draw the weights, scale them layer by layer, and yield nothing."""
        redraw(model, lambda weight: uniform(weight, 2 / weight.shape[1]))
        x, graph = task.features, task.graph.to("cpu")
        for layer in model.layers:
            x = settle(layer, x, graph)
        with torch.no_grad():
            model.head.weight /= math.sqrt(2)
        yield from ()


@torch.no_grad()
def settle(layer: nn.Module, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
    """Scale the layer's matrices until it and ReLU keep the mean square of ``x``; return what comes of it.

    The graph lies in main memory. Nothing is scaled where a layer gives zeros alone.
    """
    matrices = [one.weight for one in layer.modules() if isinstance(one, nn.Linear)]
    rows, aim = torch.arange(graph.nodes), _log_square(x)
    out, last = x, 0.0
    # By how much the logarithm of the output grows with that of the weights: more than the 2 of one map,
    # where maps stand one behind the other.
    slope, step = 2.0, 0.0
    for number in range(_TRIES):
        out = torch.relu(in_blocks(layer, x, graph, rows, BLOCK_BYTES))
        found = _log_square(out)
        if not math.isfinite(found - aim) or abs(found - aim) < _CLOSE:
            break
        if number and (found - last) / step > 0:
            slope = (found - last) / step
        last, step = found, (aim - found) / slope
        for weight in matrices:
            weight *= math.exp(step)
    return out


def _log_square(x: Tensor) -> float:
    mean = float(x.square().mean())
    return math.log(mean) if mean > 0 else -math.inf
