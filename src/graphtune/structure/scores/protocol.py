"""What every score of modules offers."""

from typing import Protocol, runtime_checkable

from graphtune.structure.model_graph import ModelGraph
from graphtune.structure.purpose import Purpose


@runtime_checkable
class Score(Protocol):
    """A frozen dataclass that says how much each module matters."""

    def of(self, graph: ModelGraph, purpose: Purpose) -> tuple[float, ...]:
        """Return a number a node: what tuning it is worth, or what pruning or quantising it costs.

        Only the order counts, unless a score says otherwise; NaN = unknown.

        Raises:
            PlanError: the graph has not a column that is read.
        """
        ...
