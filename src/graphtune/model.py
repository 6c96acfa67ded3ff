"""A network over the nodes of a text graph, and the task it is trained for."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.graph import TextGraph


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows whose labels count in one step, within the graph they receive from."""

    features: Float[Tensor, "N F"]
    graph: TextGraph
    rows: Int64[Tensor, " B"]  # nodes of the graph
    labels: Int64[Tensor, " B"]
    weights: Float32[Tensor, " B"] | None = None  # of each row in the loss


@dataclass(frozen=True, eq=False)
class Task:
    """What there is to learn from; rows outside ``train`` lend their features and edges only."""

    features: Float[Tensor, "N F"]
    graph: TextGraph
    labels: Int64[Tensor, " N"]  # -1 = unknown
    classes: int
    train: Int64[Tensor, " T"]  # rows that are trained on
    val: Int64[Tensor, " V"]  # rows that decide when to stop; may be empty
    weights: Float32[Tensor, " N"] | None = None

    def batch(self, rows: Int64[Tensor, " B"]) -> Batch:
        """Return ``rows`` with the whole graph round them."""
        weights = None if self.weights is None else self.weights[rows]
        return Batch(self.features, self.graph, rows, self.labels[rows], weights)


class Model(nn.Module):
    """Graph layers, each behind dropout and before ReLU, then dropout and a linear head.

    Without layers it is a linear classifier on the features.

    Raises:
        PlanError: ``dropout`` is not at least 0 and less than 1.
    """

    def __init__(self, layers: Iterable[nn.Module], head: nn.Linear, *, dropout: float = 0.5) -> None:
        super().__init__()
        if not 0.0 <= dropout < 1.0:
            raise PlanError(f"dropout = {dropout} is out of range.", fix="use 0 or more and less than 1.")
        self.layers = nn.ModuleList(layers)
        self.head = head
        self.dropout = dropout  # probability with which a feature is zeroed in training

    def embed(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Return the features before the head, and before their dropout, for every node."""
        for layer in self.layers:
            x = torch.relu(layer(self._dropped(x), graph))
        return x

    def logits(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N C"]:
        """Return a score for every node and class."""
        return self._classify(self.embed(x, graph))

    def forward(self, batch: Batch) -> Float[Tensor, "B C"]:
        """Return a score for every row of the batch and every class."""
        # Rows before dropout: without layers, the cost is then that of the batch, not of the graph.
        return self._classify(self.embed(batch.features, batch.graph).index_select(0, batch.rows))

    def _classify(self, x: Float[Tensor, "B G"]) -> Float[Tensor, "B C"]:
        return self.head(self._dropped(x))

    def _dropped(self, x: Float[Tensor, "N F"]) -> Float[Tensor, "N F"]:
        if not self.training or self.dropout == 0.0:
            return x
        if x.device.type != "cpu":
            return nn.functional.dropout(x, self.dropout)
        # Eight bytes from each random number: torch's own dropout draws one number for each feature, which
        # takes longer than the rest of an epoch. The price: the probability is rounded to 1/256.
        least = round(256 * self.dropout)
        drawn = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        kept = drawn.view(torch.uint8)[: x.numel()].view(x.shape) >= min(least, 255)
        return x * kept.to(x.dtype).mul_(256 / (256 - min(least, 255)))
