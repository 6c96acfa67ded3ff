"""What was measured, in units of the validation loss."""

from dataclasses import dataclass

from graphtune.structure.model_graph import ModelGraph
from graphtune.structure.purpose import Purpose

MEASURED_COLUMNS: dict[Purpose, str] = {
    "tune": "tuning gain",
    "prune": "pruning loss",
    "quantise": "quantisation loss",
}


@dataclass(frozen=True)
class Measured:
    """How far the validation loss fell or rose when only this module was changed; NaN = not measured."""

    def of(self, graph: ModelGraph, purpose: Purpose) -> tuple[float, ...]:
        """Return a number a node."""
        return graph.column(MEASURED_COLUMNS[purpose])
