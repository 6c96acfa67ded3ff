"""What is used unless something else is asked for: what was measured, else a cheap score by purpose."""

from dataclasses import dataclass

from graphtune.structure.model_graph import ModelGraph
from graphtune.structure.purpose import Purpose
from graphtune.structure.scores.last_blocks import LastBlocks
from graphtune.structure.scores.measured import MEASURED_COLUMNS, Measured
from graphtune.structure.scores.protocol import Score
from graphtune.structure.scores.statistics import Fisher


@dataclass(frozen=True)
class Usual:
    """`Measured` where every module was; else `LastBlocks` to tune, and `Fisher` of harm.

    A top block is the cheapest to tune, since what is below can be cached. Of the cheap scores it told
    most of both harms where modules were measured: nearly the order of what rounding does, and little of
    pruning's.
    """

    def of(self, graph: ModelGraph, purpose: Purpose) -> tuple[float, ...]:
        """Return a number a node."""
        return self.chosen(graph, purpose).of(graph, purpose)

    def chosen(self, graph: ModelGraph, purpose: Purpose) -> Score:
        """Return the score that is asked."""
        values = graph.columns.get(MEASURED_COLUMNS[purpose])
        pairs = () if values is None else zip(graph.nodes, values, strict=True)
        known = [value == value for node, value in pairs if node.parameters and node.kind != "head"]
        if known and all(known):
            return Measured()
        return LastBlocks() if purpose == "tune" else Fisher()
