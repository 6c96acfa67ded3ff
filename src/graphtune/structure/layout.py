"""Where the modules of a model graph stand in its drawing: a row a block, data flow from left to right."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from graphtune.structure.model_graph import ModelEdge, ModelGraph

BOX_WIDTH, BOX_HEIGHT = 116.0, 22.0
_LANE, _STEP = 27.0, 144.0  # between boxes one above the other, and side by side
_LEFT, _TOP, _RIGHT = 96.0, 96.0, 24.0  # room for names of blocks, title and legend
_GUTTER = 40.0  # between rows
_BEHIND = 10.0  # lanes of what goes past rows, left of the boxes
Point = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """The places of a graph's modules, in pixels."""

    graph: ModelGraph

    @cached_property
    def rows(self) -> list[int]:
        """The blocks that have modules, from the top."""
        return sorted({node.block for node in self.graph.nodes})

    @cached_property
    def column(self) -> list[int]:
        """How many modules of its block data passes before each module."""
        found: list[int] = []
        for place, node in enumerate(self.graph.nodes):
            before = [
                found[edge.source]
                for edge in self._into.get(place, ())
                if edge.source < place and self.graph.nodes[edge.source].block == node.block
            ]
            found.append(max(before, default=-1) + 1)
        return found

    @cached_property
    def places(self) -> list[Point]:
        """The centre of each module's box."""
        lanes: dict[tuple[int, int], list[int]] = {}
        for place, node in enumerate(self.graph.nodes):
            lanes.setdefault((node.block, self.column[place]), []).append(place)
        found = [(0.0, 0.0)] * len(self.graph.nodes)
        for (block, column), members in lanes.items():
            x = _LEFT + _STEP * column + BOX_WIDTH / 2
            for lane, place in enumerate(members):
                found[place] = x, self._middle[block] + _LANE * (lane - (len(members) - 1) / 2)
        return found

    @property
    def width(self) -> float:
        """Of the drawing."""
        columns = max(self.column, default=0) + 1
        return max(_LEFT + _STEP * columns + _RIGHT, 760.0)

    @property
    def height(self) -> float:
        """Of the drawing."""
        last = self.rows[-1]
        return self._middle[last] + self._half(last) + _GUTTER

    def middle(self, block: int) -> float:
        """Return the height at which a block's row stands."""
        return self._middle[block]

    def route(self, edge: ModelEdge) -> tuple[list[Point], bool]:
        """Return the corners of an edge's way, and whether it is a curve with these ends and handles."""
        start, end = self.places[edge.source], self.places[edge.target]
        rows = [self.graph.nodes[place].block for place in (edge.source, edge.target)]
        right, left = (start[0] + BOX_WIDTH / 2, start[1]), (end[0] - BOX_WIDTH / 2, end[1])
        between = self.column[edge.target] - self.column[edge.source]
        if rows[0] == rows[1] and between == 1:
            half = (left[0] - right[0]) / 2
            return [right, (right[0] + half, right[1]), (left[0] - half, left[1]), left], True
        if rows[0] == rows[1] and between > 1:
            return self._over(edge, start, end), False
        return self._around(edge, start, end, rows), False

    def _over(self, edge: ModelEdge, start: Point, end: Point) -> list[Point]:
        """Go over the boxes between, in one of three lanes."""
        block, shift = self.graph.nodes[edge.source].block, BOX_WIDTH / 4
        up = self._middle[block] - self._half(block) - 3 * (self.column[edge.source] % 3)
        top = start[1] - BOX_HEIGHT / 2, end[1] - BOX_HEIGHT / 2
        return [(start[0] + shift, top[0]), (start[0] + shift, up), (end[0] + 8, up), (end[0] + 8, top[1])]

    def _around(self, edge: ModelEdge, start: Point, end: Point, rows: list[int]) -> list[Point]:
        """Go down into the gutter below, to the left, past rows where need be, and into the target."""
        shift = 7.0 if edge.residual else -7.0
        above, below = self._gutter(rows[0]), self._gutter(rows[1], above=True)
        far = self.rows.index(rows[1]) != self.rows.index(rows[0]) + 1
        # Lines of different modules must not run into one another.
        lane = shift / 2 + 5 * math.copysign(min(self._rank(edge) + far, 2), shift)
        x = start[0] + shift
        way = [(x, start[1] + BOX_HEIGHT / 2), (x, above + lane)]
        if far:
            margin = _LEFT - 2 * _BEHIND - (edge.source % 3) * 4
            way += [(margin, above + lane), (margin, below + lane)]
        if self.column[edge.target] == 0:
            edge_x = _LEFT - _BEHIND + shift / 4
            return [*way, (edge_x, below + lane), (edge_x, end[1]), (end[0] - BOX_WIDTH / 2, end[1])]
        into = end[0] - BOX_WIDTH / 4 - shift
        return [*way, (into, below + lane), (into, end[1] - BOX_HEIGHT / 2)]

    def _rank(self, edge: ModelEdge) -> int:
        """Count the modules behind the edge's source in its row that also are read below."""
        block = self.graph.nodes[edge.source].block
        below = {
            other.source
            for other in self.graph.edges
            if other.residual == edge.residual
            and self.graph.nodes[other.source].block == block
            and self.graph.nodes[other.target].block != block
        }
        return sum(self.column[other] > self.column[edge.source] for other in below)

    def _gutter(self, block: int, *, above: bool = False) -> float:
        half = self._half(block) + _GUTTER / 2
        return self._middle[block] + (-half if above else half)

    def _half(self, block: int) -> float:
        """Return half of the height of a row, without the gutters beside it."""
        return _LANE * self._lanes[block] / 2

    @cached_property
    def _lanes(self) -> Mapping[int, int]:
        count: dict[tuple[int, int], int] = {}
        for place, node in enumerate(self.graph.nodes):
            key = node.block, self.column[place]
            count[key] = count.get(key, 0) + 1
        most: dict[int, int] = {}
        for (block, _), lanes in count.items():
            most[block] = max(most.get(block, 0), lanes)
        return most

    @cached_property
    def _middle(self) -> Mapping[int, float]:
        y, found = _TOP, {}
        for block in self.rows:
            found[block] = y + self._half(block)
            y += 2 * self._half(block) + _GUTTER
        return found

    @cached_property
    def _into(self) -> Mapping[int, list[ModelEdge]]:
        found: dict[int, list[ModelEdge]] = {}
        for edge in self.graph.edges:
            found.setdefault(edge.target, []).append(edge)
        return found
