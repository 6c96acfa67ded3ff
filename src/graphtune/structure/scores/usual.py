"""What is used unless something else is asked for: what was measured, else what tells most by purpose."""

from dataclasses import dataclass

from graphtune.structure.model_graph import ModelGraph
from graphtune.structure.purpose import Purpose
from graphtune.structure.scores.last_blocks import LastBlocks
from graphtune.structure.scores.learned import Learned
from graphtune.structure.scores.measured import MEASURED_COLUMNS, Measured
from graphtune.structure.scores.protocol import Score


@dataclass(frozen=True)
class Usual:
    """`Measured` where every module was; else `LastBlocks` to tune, and `Learned` of harm.

    A top block is the cheapest to tune, since what is below can be cached. On sets and encoders that it never
    saw, `Learned` told the order of both harms far better than every statistic of the task.
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
        return LastBlocks() if purpose == "tune" else Learned()
