"""Candidates whose answers are known beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from corpus import CLASSES
from torch import Tensor

from graphtune.select import Data, Predictor
from graphtune.select.grid import FEW
from graphtune.select.outcome import Family

MANY = FEW * CLASSES + 30
_FAMILIES = ("graph-free", "graph", "network")


@dataclass(frozen=True)
class Known:
    """Gives the truth a certain probability, and is wrong on so many rows, mostly its family's own."""

    name: str
    family: Family
    sure: float = 0.9
    wrong: int = 0

    graphs, views, reads = frozenset({"meaning"}), frozenset(), frozenset()

    def fit(self, data: Data, rows, *, seed: int) -> "FittedKnown":
        truth = np.arange(len(data.labels)) % CLASSES
        missed = np.roll(np.arange(len(truth)) < self.wrong, 15 * _FAMILIES.index(self.family))
        nodes = np.full((len(truth), CLASSES), (1 - self.sure) / (CLASSES - 1), dtype=np.float32)
        nodes[np.arange(len(truth)), (truth + missed) % CLASSES] = self.sure
        return FittedKnown(nodes)

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> Predictor:
        raise NotImplementedError

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class FittedKnown:
    nodes: np.ndarray

    def at(self, data: Data, nodes: np.ndarray) -> np.ndarray:
        return self.nodes[nodes]

    @property
    def learned(self) -> int:
        return 0

    @property
    def size(self) -> int:
        return self.nodes.nbytes

    def attach(self, data: Data, new) -> np.ndarray:
        raise NotImplementedError

    def tensors(self) -> dict[str, Tensor]:
        return {}
