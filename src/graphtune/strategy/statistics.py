"""Statistics of normalisations in a network whose steps may read samples of a graph.

In a sample only those nodes have their right features that its rows depend on; so a step's own statistics are
theirs alone. What normalises afterwards are statistics of all nodes, which no sample tells: they are worked
out anew over the whole graph after each epoch.
"""

from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from graphtune.graph import TextGraph
from graphtune.model import Batch, Model
from graphtune.model.graph import BLOCK_BYTES, hops_of, in_blocks


@runtime_checkable
class Normalising(Protocol):
    """A graph layer with moving statistics of its features."""

    def count(self, nodes: Int64[Tensor, " M"] | None) -> None:
        """Let only some nodes of the next step count in its statistics, and move nothing; None = all."""
        ...

    def settle(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Take the statistics of all nodes; return the output with them. The graph lies in main memory."""
        ...


class Statistics:
    """Keeps a network's normalisations right, whether its steps read the whole graph or samples."""

    def __init__(self, model: Any, task: Any) -> None:
        self._model, self._task = model, task
        self._sampled = False

    def begin(self, batch: Any) -> None:
        """Tell the normalisations which nodes count in a step."""
        if not isinstance(self._model, Model) or not isinstance(batch, Batch):
            return
        self._sampled = batch.graph.whole_degree is not None
        left = self._model.hops
        for layer in self._model.layers:
            left -= hops_of(layer)
            if isinstance(layer, Normalising):
                near = batch.graph.reach(batch.rows.cpu(), left) if self._sampled else None
                layer.count(None if near is None else near.to(batch.rows.device))

    @torch.no_grad()
    def refresh(self) -> None:
        """Take the statistics of the whole graph, where the last step was a sample of it.

        Cost: a pass over the whole graph, in blocks.
        """
        if not self._sampled:
            return
        x, graph = self._task.features, self._task.graph.to("cpu")
        for layer in self._model.layers:
            one = layer.settle(x, graph) if isinstance(layer, Normalising) else every(layer, x, graph)
            x = torch.relu(one)


def every(layer: nn.Module, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
    """Return a layer's output for all nodes of a graph, which lies in main memory, worked out in blocks."""
    return in_blocks(layer, x, graph, torch.arange(graph.nodes), BLOCK_BYTES)
