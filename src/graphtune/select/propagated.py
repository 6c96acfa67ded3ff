"""A linear classifier on features that were averaged over the graph first.

Source: SGC, Wu et al., ICML 2019, arXiv:1902.07153; the averaging is APPNP's, arXiv:1810.05997, eq. 4.
Differs from the papers: the features are fixed before the classifier is fitted, and new rows are attached.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.graph import Hops, Trail
from graphtune.select.data import Data, NewRows
from graphtune.select.features import DenseView, View, check_dense
from graphtune.select.linear import LinearHead, rows_of
from graphtune.select.outcome import Family


@dataclass(frozen=True)
class Propagated:
    """Logistic regression on a dense view after some hops over one graph."""

    view: DenseView = "meaning"
    graph: str = "meaning"
    hops: Hops = Hops(2, 0.3)
    strength: float = 50.0  # inverse of the L2 penalty

    def __post_init__(self) -> None:
        check_dense(self.view, "Propagated")

    @property
    def family(self) -> Family:
        """It reads a graph."""
        return "graph"

    @property
    def graphs(self) -> frozenset[str]:
        """The one graph."""
        return frozenset({self.graph})

    @property
    def views(self) -> frozenset[View]:
        """The one view."""
        return frozenset({self.view})

    @property
    def reads(self) -> frozenset[View]:
        """The one view."""
        return frozenset({self.view})

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> "FittedPropagated":
        """Learn from the labels of ``rows`` only; the solution is unique, so ``seed`` is not used."""
        x = data.propagated(self.view, self.graph, self.hops)
        head = LinearHead.learned(x, data, rows, strength=self.strength)
        return FittedPropagated(self, head)

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> "FittedPropagated":
        """Return a saved predictor."""
        return FittedPropagated(self, LinearHead.restored(tensors, each=data.several))

    def __str__(self) -> str:
        how = f"{self.hops.count} hops α={self.hops.alpha:g}"
        strength = "" if self.strength == Propagated.strength else f", C={self.strength:g}"
        return f"propagated({self.view} over {self.graph}, {how}{strength})"


@dataclass(frozen=True, eq=False)
class FittedPropagated:
    """The classifier, and the stored rows' features after each hop where new rows ask for them."""

    candidate: Propagated
    head: LinearHead
    _trail: Trail = field(default_factory=Trail, repr=False)

    def at(self, data: Data, nodes: Int64[np.ndarray, " M"]) -> Float32[np.ndarray, "M C"]:
        """Return class probabilities of some nodes."""
        candidate = self.candidate
        x = data.propagated(candidate.view, candidate.graph, candidate.hops)
        return self.head.probabilities(rows_of(x, nodes))

    def attach(self, data: Data, new: NewRows) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of new rows, through the same hops as the stored ones."""
        candidate = self.candidate
        graph = data.graphs[candidate.graph]
        states = self._trail.states(candidate.hops, graph.graph, data.features.dense(candidate.view))
        links = new.links(candidate.graph, graph)
        x = candidate.hops.attached(links, states, new.features.dense(candidate.view))
        return self.head.probabilities(x)

    def tensors(self) -> dict[str, Tensor]:
        """Return the head's parameters."""
        return self.head.tensors()

    @property
    def learned(self) -> int:
        """Its weights and offsets."""
        return self.head.weight.numel() + self.head.bias.numel()

    @property
    def size(self) -> int:
        """Bytes of its parameters, and of what the stored rows hold after each hop."""
        return sum(tensor.nbytes for tensor in self.tensors().values()) + self._trail.size
