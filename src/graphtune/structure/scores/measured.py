"""What was measured, in nats."""

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
    """What came of changing this module alone; NaN = not measured.

    How far the validation loss fell when it was tuned; how far what the model says moved when it was pruned,
    and when it was rounded.
    """

    def of(self, graph: ModelGraph, purpose: Purpose) -> tuple[float, ...]:
        """Return a number a node."""
        return graph.column(MEASURED_COLUMNS[purpose])
