"""A score that knows nothing."""

import hashlib
from dataclasses import dataclass

from graphtune.structure.model_graph import ModelGraph
from graphtune.structure.purpose import Purpose


@dataclass(frozen=True)
class Random:
    """A number between 0 and 1, drawn for each name: the order of the nodes does not matter."""

    seed: int = 0

    def of(self, graph: ModelGraph, purpose: Purpose) -> tuple[float, ...]:
        """Return a number a node."""
        return tuple(self._drawn(node.name, purpose) for node in graph.nodes)

    def _drawn(self, name: str, purpose: Purpose) -> float:
        digest = hashlib.blake2b(repr((self.seed, purpose, name)).encode(), digest_size=6).digest()
        return int.from_bytes(digest) / 2**48
