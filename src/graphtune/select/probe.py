"""The graph-free candidate: a linear classifier on one view of the texts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.select.data import Data, NewRows
from graphtune.select.features import View
from graphtune.select.graph_free import GraphFree
from graphtune.select.linear import LinearHead, Loss, rows_of


@dataclass(frozen=True)
class Probe(GraphFree):
    """Logistic regression, or a linear SVM, on a view; no text sees another."""

    view: View = "meaning"
    strength: float = 50.0  # inverse of the L2 penalty
    loss: Loss = "logistic"

    @property
    def reads(self) -> frozenset[View]:
        """The one view."""
        return frozenset({self.view})

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> "FittedProbe":
        """Learn from the labels of ``rows`` only; the solution is unique, so ``seed`` is not used."""
        x = data.features.view(self.view)
        head = LinearHead.learned(x, data, rows, strength=self.strength, loss=self.loss)
        return FittedProbe(self, head)

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> "FittedProbe":
        """Return a saved probe."""
        return FittedProbe(self, LinearHead.restored(tensors, each=data.several))

    def __str__(self) -> str:
        kind = "probe" if self.loss == "logistic" else "SVM"
        return f"{kind}({self.view}, C={self.strength:g})"


@dataclass(frozen=True, eq=False)
class FittedProbe:
    """A probe with its parameters."""

    candidate: Probe
    head: LinearHead

    def at(self, data: Data, nodes: Int64[np.ndarray, " M"]) -> Float32[np.ndarray, "M C"]:
        """Return class probabilities of some nodes."""
        return self.head.probabilities(rows_of(data.features.view(self.candidate.view), nodes))

    def attach(self, data: Data, new: NewRows) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of new rows; their links are not looked at."""
        return self.head.probabilities(new.features.view(self.candidate.view))

    def tensors(self) -> dict[str, Tensor]:
        """Return the head's parameters."""
        return self.head.tensors()

    @property
    def learned(self) -> int:
        """Its weights and offsets."""
        return self.head.weight.numel() + self.head.bias.numel()

    @property
    def size(self) -> int:
        """Bytes of its parameters."""
        return sum(tensor.nbytes for tensor in self.tensors().values())
