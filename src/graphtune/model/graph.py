"""A network over the nodes of a text graph, and the task it is trained for."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn

from graphtune.graph import Sampler, TextGraph, propagate, received, row_blocks
from graphtune.layer.dropout import check_dropout, dropped
from graphtune.model.labelled import Labelled

BLOCK_BYTES = 1 << 28  # of features and edges that a block of rows reads
_EDGE_BYTES = 128  # that an edge takes while a part of a graph is built


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows whose labels count in one step, within the graph they receive from."""

    features: Float[Tensor, "N F"]
    graph: TextGraph
    rows: Int64[Tensor, " B"]  # nodes of the graph
    labels: Int64[Tensor, " B"]
    weights: Float32[Tensor, " B"] | None = None  # of each row in the loss
    targets: Float32[Tensor, "B C"] | None = None  # a teacher's probabilities


@dataclass(frozen=True, eq=False)
class Task(Labelled):
    """What there is to learn from; rows outside ``train`` lend their features and edges only."""

    features: Float[Tensor, "N F"]
    graph: TextGraph
    labels: Int64[Tensor, " N"]  # -1 = unknown
    classes: int
    train: Int64[Tensor, " T"]  # rows that are trained on
    val: Int64[Tensor, " V"]  # rows that decide when to stop; may be empty
    weights: Float32[Tensor, " N"] | None = None
    targets: Float32[Tensor, "N C"] | None = None  # a teacher's probabilities

    @property
    def device(self) -> torch.device:
        """Where its features are."""
        return self.features.device

    def batch(self, rows: Int64[Tensor, " B"]) -> Batch:
        """Return ``rows`` with the whole graph round them."""
        targets = None if self.targets is None else self.targets[rows]
        return Batch(self.features, self.graph, rows, *self.told(rows), targets)

    def sampled(self, rows: Int64[Tensor, " B"], sampler: Sampler, generator: np.random.Generator) -> Batch:
        """Return ``rows`` with a sample of the graph, which lies in main memory, round them."""
        part, device = sampler.sample(self.graph, rows.cpu(), generator), self.features.device
        features, at = self.features[part.nodes.to(device)], part.rows.to(device)
        targets = None if self.targets is None else self.targets[rows]
        return Batch(features, part.graph.to(device), at, *self.told(rows), targets)

    def pieces(self, rows: Int64[Tensor, " T"], count: int) -> tuple[Int64[Tensor, " B"], ...]:
        """Return ``rows`` in steps of ``count``."""
        return rows.split(count)

    def judged(self, model: "Model", sampler: Sampler | None) -> Float[Tensor, "V C"]:
        """Return the scores of the val rows, exact and without gradients."""
        if sampler is not None:
            return model.logits_in_blocks(self.features, self.graph, self.val)
        with torch.no_grad():
            return model(self.batch(self.val))

    def digest(self) -> bytes:
        """Return a digest of its tensors."""
        digest = hashlib.blake2b(repr(self.classes).encode(), digest_size=16)
        graph = self.graph
        for tensor in (self.features, graph.crow, graph.col, graph.weight, self.labels, self.train, self.val):
            digest.update(tensor.detach().cpu().contiguous().numpy().data)
        for more in (self.weights, self.targets):
            if more is not None:
                digest.update(repr(more.shape).encode() + more.cpu().contiguous().numpy().tobytes())
        return digest.digest()


class Model(nn.Module):
    """Graph layers, each behind dropout and before ReLU, then dropout and a linear head.

    Without layers it is a linear classifier on the features.

    Raises:
        PlanError: ``dropout`` is not at least 0 and less than 1.
    """

    def __init__(self, layers: Iterable[nn.Module], head: nn.Linear, *, dropout: float = 0.5) -> None:
        super().__init__()
        check_dropout(dropout)
        self.layers = nn.ModuleList(layers)
        self.head = head
        self.dropout = dropout  # probability with which a feature is zeroed in training

    @property
    def body(self) -> list[nn.Parameter]:
        """The layers' parameters."""
        return list(self.layers.parameters())

    @property
    def settings(self) -> str:
        """The dropout and the layers: those of two kinds can have the same weights."""
        return repr(
            (self.dropout, repr(self.layers), [getattr(layer, "hops", None) for layer in self.layers])
        )

    @property
    def hops(self) -> int:
        """How many edges away the furthest node is on which a node's scores depend."""
        return sum(hops_of(layer) for layer in self.layers)

    @torch.no_grad()
    def widths(self, inputs: int) -> tuple[tuple[int, int], ...]:
        """Return how wide the features are before and after each layer, for data ``inputs`` wide."""
        # Asked of one node without edges: a layer does not say its width.
        graph = TextGraph.empty(1).to(self.head.weight.device, self.head.weight.dtype)
        sizes, learning = [inputs], self.training
        self.eval()
        for layer in self.layers:
            sizes.append(layer(self.head.weight.new_zeros(1, sizes[-1]), graph).shape[1])
        self.train(learning)
        return tuple(pairwise(sizes))

    @staticmethod
    def averaged(x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N F"]:
        """Return ``D^-1/2 (A + I) D^-1/2 x``: one hop of what a layer may aggregate."""
        return propagate(graph.with_loops().normalised(), x)

    def embed(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Return the features before the head, and before their dropout, for every node."""
        for layer in self.layers:
            x = torch.relu(layer(self._dropped(x), graph))
        return x

    def climb(
        self, x: Float[Tensor, "N F"], graph: TextGraph, first: int = 0
    ) -> Iterator[Float[Tensor, "N _"]]:
        """Yield the features after each layer from number ``first``, which reads ``x``, without dropout."""
        for layer in self.layers[first:]:
            x = torch.relu(layer(x, graph))
            yield x

    def logits(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N C"]:
        """Return a score for every node and class."""
        return self.scores(self.embed(x, graph))

    @torch.no_grad()
    def logits_in_blocks(
        self,
        x: Float[Tensor, "N F"],
        graph: TextGraph,
        rows: Int64[Tensor, " B"] | None = None,
        *,
        block_bytes: int = BLOCK_BYTES,
    ) -> Float[Tensor, "B C"]:
        """Return the exact scores of ``rows`` (all nodes), without dropout and gradients.

        Each layer is run over blocks of the nodes that ``rows`` depend on. The graph lies in main memory. A
        layer of one hop holds what one block reads, of about ``block_bytes`` (more only where a single row
        has that many neighbours), beside all of its input and its output. One of more hops is run over all
        rows at once: its map comes before its hops, so that it holds O(N G).
        """
        *_, x = x, *self.climb_in_blocks(x, graph, rows, block_bytes=block_bytes)
        return self.head(x if rows is None else x[rows])

    @torch.no_grad()
    def climb_in_blocks(
        self,
        x: Float[Tensor, "N F"],
        graph: TextGraph,
        rows: Int64[Tensor, " B"] | None = None,
        *,
        first: int = 0,
        block_bytes: int = BLOCK_BYTES,
    ) -> Iterator[Float[Tensor, "N _"]]:
        """Yield what `climb` does, right for the nodes that the scores of ``rows`` (all nodes) depend on.

        Without gradients; the graph lies in main memory, and memory is that of `logits_in_blocks`.
        """
        left = sum(hops_of(layer) for layer in self.layers[first:])
        for layer in self.layers[first:]:
            left -= hops_of(layer)
            needed = torch.arange(graph.nodes) if rows is None else graph.reach(rows.cpu(), left)
            x = torch.relu(in_blocks(layer, x, graph, needed, block_bytes))
            yield x

    def forward(self, batch: Batch) -> Float[Tensor, "B C"]:
        """Return a score for every row of the batch and every class."""
        # Rows before dropout: without layers, the cost is then that of the batch, not of the graph.
        return self.scores(self.embed(batch.features, batch.graph).index_select(0, batch.rows))

    def scores(self, x: Float[Tensor, "B G"]) -> Float[Tensor, "B C"]:
        """Return a score for every row of what `embed` makes, and every class."""
        return self.head(self._dropped(x))

    def _dropped(self, x: Float[Tensor, "N F"]) -> Float[Tensor, "N F"]:
        return dropped(x, self.dropout) if self.training else x


def hops_of(layer: nn.Module) -> int:
    """Return how many edges a graph layer reaches."""
    return layer.hops  # type: ignore[return-value]


def in_blocks(layer: nn.Module, x: Tensor, graph: TextGraph, rows: Tensor, block_bytes: int) -> Tensor:
    """Return a layer's output for all nodes; it is right for ``rows`` only."""
    if hops_of(layer) > 1 or not len(rows):
        return layer(x, graph.to(x.device))
    row_bytes = x.shape[1] * x.element_size()
    # A block reads no row twice: where all rows are small enough, only edges count.
    each = _EDGE_BYTES if graph.nodes * row_bytes <= block_bytes else max(row_bytes, _EDGE_BYTES)
    out = x.new_empty(0, 0)
    for some in row_blocks(graph, rows, block_bytes // each):
        part = received(graph, some)
        block = layer(x[part.nodes.to(x.device)], part.graph.to(x.device))
        if not out.numel():
            out = block.new_zeros(graph.nodes, block.shape[1])
        out[some.to(x.device)] = block[part.rows.to(x.device)]
    return out
