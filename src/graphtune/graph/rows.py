"""What a graph builder may look at, and what it gives back. Labels are not among it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import scipy.sparse
from jaxtyping import Float
from torch import Tensor

from graphtune.graph.text_graph import TextGraph
from graphtune.table import Links


@dataclass(frozen=True, eq=False)
class Rows:
    """Texts that become nodes, or that are attached to nodes that are there."""

    ids: Sequence[str]
    texts: Sequence[str]
    features: Float[Tensor, "N F"]  # rows of L2 norm 1; a text without features is a row of zeros
    links: Links | None = None

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, eq=False)
class Attachment:
    """The edges by which M new rows receive. No stored node receives from a new row."""

    stored: scipy.sparse.csr_array  # [M, N] weights of edges from stored nodes
    among: scipy.sparse.csr_array  # [M, M] weights of edges from other new rows

    def extend(self, graph: TextGraph) -> TextGraph:
        """Return ``graph`` with the new rows behind its nodes; the stored part is unchanged."""
        blocks = [[graph.scipy(), None], [self.stored, self.among]]
        return TextGraph.from_scipy(
            scipy.sparse.csr_array(scipy.sparse.block_array(blocks)), texts=graph.texts
        )


@runtime_checkable
class BuiltGraph(Protocol):
    """A graph with what is needed to attach new rows to it without rebuilding it."""

    @property
    def graph(self) -> TextGraph:
        """The graph over the stored rows."""
        ...

    def attach(self, rows: Rows) -> Attachment:
        """Connect new rows as if they had been there, the stored nodes staying as they are."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Return everything but the graph itself that `attach` needs, for saving."""
        ...


@runtime_checkable
class GraphBuilder(Protocol):
    """A frozen dataclass whose fields are the settings of one way to build a graph."""

    def build(self, rows: Rows) -> BuiltGraph:
        """Build the graph over ``rows``."""
        ...

    def restored(self, graph: TextGraph, ids: Sequence[str], tensors: Mapping[str, Tensor]) -> BuiltGraph:
        """Return a saved graph from its adjacency, its rows' ids and its `BuiltGraph.tensors`."""
        ...
