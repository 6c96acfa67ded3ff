"""Whole PyG graphs as something to learn from: a class of each, or yes and no to several questions.

Source: Hu et al., ICLR 2020, arXiv:1905.12265, section 5.1 (several binary tasks, some unlabelled).
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.graph import Sampler
from graphtune.model.pyg import arguments, tensors_of_data

if TYPE_CHECKING:
    from torch_geometric.data import Data

_JUDGED_AT_ONCE = 256  # graphs


@dataclass(frozen=True, eq=False)
class GraphsBatch:
    """Labels that count in one step, and their graphs side by side."""

    data: "Data"  # a PyG ``Batch``
    graphs: Int64[Tensor, " B"]  # the graph of each row, by its place among them
    questions: Int64[Tensor, " B"] | None  # the column of scores that each row's label is of; None = a class
    rows: Int64[Tensor, " B"]
    labels: Int64[Tensor, " B"]
    weights: None = None

    def of(self, scores: Float[Tensor, "M C"]) -> Float[Tensor, "B _"]:
        """Return each row's scores of the classes, or of no and yes: their cross-entropy is a logit's."""
        if self.questions is None:
            return scores.index_select(0, self.graphs)
        yes = scores[self.graphs, self.questions]
        return torch.stack([torch.zeros_like(yes), yes], 1)


@dataclass(frozen=True, eq=False)
class GraphsTask:
    """Labelled graphs. A row is one known label: of a graph, or of one question that is asked of it.

    A graph's ``y`` is a whole number, its class, or numbers 0 and 1, one for each of the module's outputs, in
    which NaN and -1 are unknown; a graph without ``y`` has no label.

    Raises:
        PlanError: graphs lack ``x``, labels do not fit the outputs, or a graph number is out of range.
    """

    graphs: "Sequence[Data]"
    outputs: int  # of the module
    train_graphs: Int64[Tensor, " T"]
    val_graphs: Int64[Tensor, " V"]

    def __post_init__(self) -> None:
        for name in ("train_graphs", "val_graphs"):
            numbers = getattr(self, name)
            if numbers.numel() and not 0 <= int(numbers.min()) <= int(numbers.max()) < len(self.graphs):
                raise PlanError(
                    f"{name.removesuffix('_graphs')} = {int(numbers.min())} … {int(numbers.max())} does not "
                    f"number the {len(self.graphs)} graphs.",
                    fix=f"give numbers from 0 to {len(self.graphs) - 1}, or one true or false a graph.",
                )
        _ = self._known

    @cached_property
    def asks(self) -> bool:
        """Whether outputs are questions rather than classes."""
        return any(_asks(graph, self.outputs) for graph in self.graphs)

    @property
    def classes(self) -> int:
        """Those of a row: no and yes, where outputs are questions."""
        return 2 if self.asks else self.outputs

    @property
    def features(self) -> Tensor:
        """Those of the first graph's nodes, for their width."""
        x = self.graphs[0].get("x")
        if not isinstance(x, Tensor) or x.dim() != 2:
            raise PlanError("The graphs have no x.", fix="set x of each: one row of features a node.")
        return x

    @property
    def labels(self) -> Int64[Tensor, " R"]:
        """Of every row."""
        return self._known[2]

    @property
    def train(self) -> Int64[Tensor, " T"]:
        """Rows of the training graphs."""
        return self._rows[0]

    @property
    def val(self) -> Int64[Tensor, " V"]:
        """Rows of the val graphs."""
        return self._rows[1]

    @property
    def device(self) -> torch.device:
        """Where the graphs are."""
        return self.features.device

    @property
    def held(self) -> tuple[Int64[Tensor, " V"], None]:
        """Labels of the val rows."""
        return self.labels[self.val].to(self.device), None

    def batch(self, rows: Int64[Tensor, " B"]) -> GraphsBatch:
        """Return ``rows`` and the graphs they are of."""
        graphs, questions, labels = (part[rows] for part in self._known)
        every, places = graphs.unique(return_inverse=True)
        device = self.device
        asked = questions.to(device) if self.asks else None
        data = together([self.graphs[int(number)] for number in every])
        return GraphsBatch(data, places.to(device), asked, rows, labels.to(device))

    def pieces(self, rows: Int64[Tensor, " T"], count: int) -> tuple[Int64[Tensor, " B"], ...]:
        """Return ``rows`` in steps of about ``count``; those of a graph stay together where they can."""
        steps = -(-len(rows) // count)
        graphs = self._known[0][rows]
        every, place = graphs.unique(return_inverse=True)
        if len(every) < steps:
            return rows.split(count)
        # Graphs in the order in which their first rows come, cut where about as many rows have come.
        first = torch.full((len(every),), len(rows)).scatter_reduce(0, place, torch.arange(len(rows)), "amin")
        order = first[place].argsort(stable=True)
        turn = first.argsort().argsort()[place][order]
        return tuple(rows[order[turn * steps // len(every) == step]] for step in range(steps))

    def judged(self, model: Any, sampler: Sampler | None) -> Float[Tensor, "V C"]:
        """Return the scores of the val rows, without gradients, some at a time."""
        with torch.no_grad():
            return torch.cat([model(self.batch(some)) for some in self.val.split(_JUDGED_AT_ONCE)])

    def digest(self) -> bytes:
        """Return a digest of all tensors of the graphs, and of which are trained on."""
        digest = hashlib.blake2b(repr(self.outputs).encode(), digest_size=16)
        for graph in self.graphs:
            for piece in tensors_of_data(graph):
                digest.update(piece)
        for numbers in (self.train_graphs, self.val_graphs):
            digest.update(repr(numbers.tolist()).encode())
        return digest.digest()

    @cached_property
    def _rows(self) -> tuple[Int64[Tensor, " T"], Int64[Tensor, " V"]]:
        graphs = self._known[0]
        train, val = (
            torch.isin(graphs, of).nonzero().flatten() for of in (self.train_graphs, self.val_graphs)
        )
        return train, val

    @cached_property
    def _known(self) -> tuple[Int64[Tensor, " R"], Int64[Tensor, " R"], Int64[Tensor, " R"]]:
        """Graph, question and label of every label that is known."""
        found = [row for number, graph in enumerate(self.graphs) for row in self._of(number, graph)]
        graphs, questions, labels = torch.tensor(found, dtype=torch.int64).reshape(-1, 3).t()
        return graphs, questions, labels

    def _of(self, number: int, graph: "Data") -> Iterator[tuple[int, int, int]]:
        y = graph.get("y")
        if y is None:
            return
        values = torch.as_tensor(y).flatten().double().nan_to_num(-1.0).tolist()
        asks, known = self.asks, [value for value in values if value != -1.0]
        most = 1 if asks else self.outputs - 1
        if len(values) != (self.outputs if asks else 1) or not all(v in range(most + 1) for v in known):
            wanted = f"{self.outputs} numbers 0, 1 or NaN" if asks else f"a class from 0 to {most}"
            raise PlanError(
                f"Graph {number} has y = {values[:12]}, where {wanted} is expected of a module with "
                f"{self.outputs} outputs.",
                fix="set y to one class, or to one number for each of the module's outputs.",
            )
        for question, value in enumerate(values):
            if value != -1.0:
                yield number, question, int(value)


def together(graphs: "Sequence[Data]") -> "Data":
    """Return graphs side by side, as PyG's readouts read them."""
    from torch_geometric.data import Batch

    return Batch.from_data_list(list(graphs))  # type: ignore[return-value]


@torch.no_grad()
def graph_scores(module: nn.Module, graphs: "Sequence[Data]") -> Float[Tensor, "M C"]:
    """Return what a module puts out for each of some graphs, in evaluation mode and without gradients.

    Raises:
        PlanError: the module takes something that the graphs do not hold, or there is no graph.
    """
    if not len(graphs):
        raise PlanError("There is no graph to score.", fix="give one or more.")
    learning, found = module.training, list[Tensor]()
    module.eval()
    try:
        for start in range(0, len(graphs), _JUDGED_AT_ONCE):
            given, named = arguments(module, together(graphs[start : start + _JUDGED_AT_ONCE]))
            found.append(module(*given, **named))
    finally:
        module.train(learning)
    return torch.cat(found)


def _asks(graph: "Data", outputs: int) -> bool:
    y = graph.get("y")
    if y is None:
        return False
    y = torch.as_tensor(y)
    # A single output has nothing to choose among; a class is a whole number.
    return outputs == 1 or y.numel() > 1 or y.is_floating_point()
