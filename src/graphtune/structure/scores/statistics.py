"""Scores that are one column of the graph each, whatever the purpose."""

from dataclasses import dataclass

from graphtune.structure.model_graph import ModelGraph
from graphtune.structure.purpose import Purpose


@dataclass(frozen=True)
class GradientNorm:
    """The L2 norm of a module's gradient."""

    def of(self, graph: ModelGraph, purpose: Purpose) -> tuple[float, ...]:
        """Return a number a node."""
        return graph.column("gradient norm")


@dataclass(frozen=True)
class RelativeGradient:
    """The same over the norm of its weights (Lee et al., ICLR 2023, arXiv:2210.11466, appendix C)."""

    def of(self, graph: ModelGraph, purpose: Purpose) -> tuple[float, ...]:
        """Return a number a node."""
        return graph.column("relative gradient")


@dataclass(frozen=True)
class Fisher:
    """The sum of its squared gradients (Kirkpatrick et al., PNAS 2017, arXiv:1612.00796)."""

    def of(self, graph: ModelGraph, purpose: Purpose) -> tuple[float, ...]:
        """Return a number a node."""
        return graph.column("Fisher")


@dataclass(frozen=True)
class Taylor:
    """The sum of |gradient · weight| (Molchanov et al., CVPR 2019, arXiv:1906.10771)."""

    def of(self, graph: ModelGraph, purpose: Purpose) -> tuple[float, ...]:
        """Return a number a node."""
        return graph.column("Taylor")


@dataclass(frozen=True)
class Magnitude:
    """The L2 norm of its weights (Han et al., NeurIPS 2015, arXiv:1506.02626)."""

    def of(self, graph: ModelGraph, purpose: Purpose) -> tuple[float, ...]:
        """Return a number a node."""
        return graph.column("weight norm")
