"""Graphs that are built once for all trials that stand on them, the latest few kept."""

from collections import OrderedDict
from dataclasses import dataclass, field, replace

from graphtune.graph import BuiltGraph
from graphtune.run.ready import Ready
from graphtune.select import Data, NamedGraph, NewRows
from graphtune.select.graphs import build
from graphtune.select.held_out import HeldOut, Part

_KEPT = 6  # graphs held at once


@dataclass(eq=False)
class KeptGraphs:
    """Data and held-out rows for one graph at a time."""

    ready: Ready
    held_out: HeldOut
    _kept: OrderedDict[str, tuple[BuiltGraph, tuple[Part, ...]]] = field(default_factory=OrderedDict)

    def over(self, graph: NamedGraph | None) -> tuple[Data, tuple[Part, ...]]:
        """Return what a candidate over ``graph`` is fitted on, and the rows that judge it."""
        data = self.ready.data
        if graph is None:
            return data, self.held_out.parts
        built, parts = self._found(graph)
        return replace(data, graphs={graph.name: built}), parts

    def _found(self, graph: NamedGraph) -> tuple[BuiltGraph, tuple[Part, ...]]:
        if graph.name not in self._kept:
            while len(self._kept) >= _KEPT:
                self._kept.popitem(last=False)
            ready = self.ready
            (built,) = build((graph,), ready.data.features, ready.ids(ready.nodes), ready.links).values()
            self._kept[graph.name] = built, tuple(self._attached(graph, part) for part in self.held_out.parts)
        self._kept.move_to_end(graph.name)
        return self._kept[graph.name]

    def _attached(self, graph: NamedGraph, part: Part) -> Part:
        """Let the new rows of a part find their links to one graph."""
        if part.new is None:
            return part
        rows, ready = part.new.features, self.ready
        place = graph.rows(rows, ready.ids(ready.split.val), ready.links)
        return replace(part, new=NewRows(rows, {graph.name: place}))
