"""Every module alike."""

from dataclasses import dataclass

from graphtune.structure.model_graph import ModelGraph
from graphtune.structure.purpose import Purpose


@dataclass(frozen=True)
class Uniform:
    """1 for every node."""

    def of(self, graph: ModelGraph, purpose: Purpose) -> tuple[float, ...]:
        """Return a number a node."""
        return (1.0,) * len(graph.nodes)
