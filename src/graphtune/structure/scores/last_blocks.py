"""The later the block, the more it is worth tuning and the less harm is done to it.

Source: Lee, Tang & Lin, 2019, arXiv:1911.03090 (tuning the top blocks); Sajjad et al., 2020, arXiv:2004.03844
(dropping the top blocks costs least).
"""

from dataclasses import dataclass

from graphtune.structure.model_graph import ModelGraph
from graphtune.structure.purpose import Purpose


@dataclass(frozen=True)
class LastBlocks:
    """The number of a node's block, from 0 up to the depth and one; of harm, from the other end."""

    def of(self, graph: ModelGraph, purpose: Purpose) -> tuple[float, ...]:
        """Return a number a node."""
        if purpose == "tune":
            return tuple(float(node.block) for node in graph.nodes)
        return tuple(float(graph.depth + 1 - node.block) for node in graph.nodes)
