"""Which graphs a search may use, by name."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from graphtune.errors import PlanError
from graphtune.graph import BuiltGraph, Fuse, Given, GraphBuilder, Neighbours, Rows
from graphtune.select.candidate import Candidate
from graphtune.select.features import MANY_NODES, DenseView, Features, View, check_dense
from graphtune.table import Links

# Weight of likeness where the user has links of weight 1. It and the view of linked texts were chosen on
# draws of cora's and citeseer's rows outside their test parts.
_NEIGHBOURS_BESIDE_LINKS = 0.6

_ALIKE: tuple[DenseView, ...] = ("meaning", "both", "blocks")  # in which likeness is measured


@dataclass(frozen=True)
class NamedGraph:
    """A graph builder, the view it measures likeness in, and the name candidates know it by."""

    name: str
    builder: GraphBuilder
    view: DenseView = "meaning"

    def __post_init__(self) -> None:
        check_dense(self.view, f"The graph {self.name!r}")

    @property
    def has_links(self) -> bool:
        """Whether the user's own links are in it."""
        parts = self.builder.parts if isinstance(self.builder, Fuse) else (self.builder,)
        return any(isinstance(part, Given) for part in parts)

    def rows(self, features: Features, ids: Sequence[str], links: Links | None) -> Rows:
        """Return what the builder may look at."""
        return Rows(ids, features.texts, features.dense(self.view), links)


def usual(*, links: bool, views: Collection[View], nodes: int) -> tuple[NamedGraph, ...]:
    """Return the graphs to try; ``links``: there are some, ``views``: those that can be read.

    From 200,000 nodes on likeness is that of the meaning only.
    """
    alike: list[DenseView] = [
        view for view in _ALIKE if view in views and (view == "meaning" or nodes < MANY_NODES)
    ]
    likeness: list[NamedGraph] = []
    for name in alike:
        likeness += [
            NamedGraph(name, Neighbours(15, 1.0), name),
            NamedGraph(f"{name}, sharp", Neighbours(10, 4.0), name),
        ]
    if not links:
        return tuple(likeness)
    view: DenseView = "even" if "both" in alike else "meaning"
    fused = Fuse((Given(), Neighbours(15, 1.0)), (1.0, _NEIGHBOURS_BESIDE_LINKS))
    return (NamedGraph("links", Given(), view), NamedGraph("links + likeness", fused, view), *likeness[::2])


def build(
    named: Collection[NamedGraph], features: Features, ids: Sequence[str], links: Links | None
) -> Mapping[str, BuiltGraph]:
    """Build every graph over the same rows."""
    return {one.name: one.builder.build(one.rows(features, ids, links)) for one in named}


def views_read(candidates: Iterable[Candidate], graphs: Iterable[NamedGraph]) -> frozenset[View]:
    """Return the views that candidates read, and those that graphs are built on."""
    return frozenset().union(*(one.reads for one in candidates), (one.view for one in graphs))


def check_names(candidates: Collection[Candidate], named: Collection[NamedGraph]) -> None:
    """See that every graph the candidates read is there.

    Raises:
        PlanError: one is not.
    """
    known = {one.name for one in named}
    asked = frozenset().union(*(candidate.graphs for candidate in candidates))
    if not asked <= known:
        raise PlanError(
            f"The candidates read the graphs {sorted(asked - known)}, which the plan does not have.",
            fix=f"use {sorted(known)}, or add those graphs.",
        )
