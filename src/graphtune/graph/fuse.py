"""A weighted sum of several graphs over the same rows.

Source: Zhou & Burges, ICML 2007 (a convex combination of normalised graphs).
Differs from the paper: the sum is used as an adjacency again, so loops and degrees are added afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from torch import Tensor

from graphtune.errors import GraphError
from graphtune.graph.rows import Attachment, BuiltGraph, GraphBuilder, Rows
from graphtune.graph.text_graph import TextGraph


@dataclass(frozen=True)
class Fuse:
    """Sum of ``parts``, each normalised to ``D^-1/2 A D^-1/2`` first so that their scales compare.

    The sum is scaled back to the mean degree of the parts' plain weighted sum: the loops of weight 1 that
    layers add then weigh as little as they do in the parts. All parts must have text nodes only.
    """

    parts: tuple[GraphBuilder, ...]
    weights: tuple[float, ...]  # of each part in the sum; at least 0

    def __post_init__(self) -> None:
        if len(self.parts) != len(self.weights) or not self.parts:
            raise GraphError(
                f"{len(self.parts)} graphs and {len(self.weights)} weights do not match.",
                fix="give one weight for each graph, and at least one graph.",
            )
        if min(self.weights) < 0 or max(self.weights) <= 0:
            raise GraphError(
                f"The weights {self.weights} are not usable.", fix="use weights of at least 0, one above 0."
            )

    def build(self, rows: Rows) -> "FusedGraph":
        """Build every part over ``rows`` and add them up."""
        return FusedGraph.of(self, tuple(part.build(rows) for part in self.parts))

    def restored(self, graph: TextGraph, ids: Sequence[str], tensors: Mapping[str, Tensor]) -> "FusedGraph":
        """Return a saved graph from its `FusedGraph.tensors`; ``graph`` is made anew from the parts."""
        parts: list[BuiltGraph] = []
        for number, builder in enumerate(self.parts):
            prefix = f"{number}."
            own = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
            inner = TextGraph(own.pop("crow"), own.pop("col"), own.pop("weight"), graph.texts)
            parts.append(builder.restored(inner, ids, own))
        return FusedGraph.of(self, tuple(parts))


@dataclass(frozen=True, eq=False)
class FusedGraph:
    """The sum, and the parts that new rows are attached to."""

    builder: Fuse
    graph: TextGraph
    parts: tuple[BuiltGraph, ...]
    scale: float  # of the sum of normalised parts

    @classmethod
    def of(cls, builder: Fuse, parts: tuple[BuiltGraph, ...]) -> "FusedGraph":
        """Add up ``parts``.

        Raises:
            GraphError: a part has word nodes.
        """
        if any(part.graph.nodes != part.graph.texts for part in parts):
            raise GraphError("A graph with word nodes cannot be fused.", fix="leave Words out of Fuse.")
        nodes = parts[0].graph.nodes
        total = scipy.sparse.csr_array((nodes, nodes), dtype=np.float32)
        for part, weight in zip(parts, builder.weights, strict=True):
            total = total + part.graph.normalised().scipy() * np.float32(weight)
        degree = sum(
            float(part.graph.degree.sum()) * weight
            for part, weight in zip(parts, builder.weights, strict=True)
        )
        normalised = float(total.sum())
        scale = degree / normalised if normalised > 0 else 1.0
        return cls(
            builder, TextGraph.from_scipy(scipy.sparse.csr_array(total * np.float32(scale))), parts, scale
        )

    def attach(self, rows: Rows) -> Attachment:
        """Attach to every part, normalise as the part was, and add up."""
        stored = scipy.sparse.csr_array((len(rows), self.graph.nodes), dtype=np.float32)
        among = scipy.sparse.csr_array((len(rows), len(rows)), dtype=np.float32)
        for part, weight in zip(self.parts, self.builder.weights, strict=True):
            links = part.attach(rows)
            received = np.asarray(links.stored.sum(axis=1) + links.among.sum(axis=1)).ravel()
            own = scipy.sparse.diags_array(_inverse_root(received) * np.float32(weight * self.scale))
            theirs = scipy.sparse.diags_array(_inverse_root(part.graph.degree.numpy()))
            stored = stored + own @ links.stored @ theirs
            among = among + own @ links.among @ scipy.sparse.diags_array(_inverse_root(received))
        return Attachment(scipy.sparse.csr_array(stored), scipy.sparse.csr_array(among))

    def tensors(self) -> dict[str, Tensor]:
        """Return every part's adjacency and tensors, under its number."""
        found: dict[str, Tensor] = {}
        for number, part in enumerate(self.parts):
            own = {
                "crow": part.graph.crow,
                "col": part.graph.col,
                "weight": part.graph.weight,
                **part.tensors(),
            }
            found |= {f"{number}.{name}": tensor for name, tensor in own.items()}
        return found


def _inverse_root(degree: np.ndarray) -> np.ndarray:
    root = np.sqrt(np.maximum(degree, 1e-30))
    return np.where(degree > 0, 1.0 / root, 0.0).astype(np.float32)
