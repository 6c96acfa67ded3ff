"""The votes of the labelled texts that are most alike.

Source: Cover & Hart, IEEE Transactions on Information Theory 13(1), 1967; weighted as in Dudani, IEEE
Transactions on Systems, Man, and Cybernetics 6(4), 1976.
Differs from the papers: a vote weighs as much as its cosine.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.errors import PlanError
from graphtune.select.data import Data, NewRows
from graphtune.select.features import DenseView, View, check_dense
from graphtune.select.graph_free import GraphFree

_COSINES_AT_ONCE = 1 << 24


@dataclass(frozen=True)
class Nearest(GraphFree):
    """The ``k`` labelled texts of the highest cosine in a dense view vote; the unlabelled are not looked at.

    Raises:
        PlanError: ``k`` is below 1, or the view is sparse.
    """

    view: DenseView = "meaning"
    k: int = 5

    def __post_init__(self) -> None:
        check_dense(self.view, "Nearest")
        if self.k < 1:
            raise PlanError(f"k = {self.k} names no neighbours.", fix="give a whole number from 1 on.")

    @property
    def reads(self) -> frozenset[View]:
        """The one view."""
        return frozenset({self.view})

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> "FittedNearest":
        """Keep the labelled rows; ``seed`` is not used."""
        features = data.features.dense(self.view)[torch.from_numpy(rows)]
        votes = data.targets(rows)
        if data.weights is not None:
            votes *= torch.from_numpy(data.weights[rows])[:, None]
        return FittedNearest(self, features, votes, several=data.several)

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> "FittedNearest":
        """Return a saved predictor."""
        return FittedNearest(self, tensors["features"], tensors["votes"], several=data.several)

    def __str__(self) -> str:
        return f"nearest({self.view}, k={self.k})"


@dataclass(frozen=True, eq=False)
class FittedNearest:
    """The labelled rows and their votes."""

    candidate: Nearest
    features: Float32[Tensor, "T F"]
    votes: Float32[Tensor, "T C"]
    several: bool = False  # whether each class has a probability of its own

    def at(self, data: Data, nodes: Int64[np.ndarray, " M"]) -> Float32[np.ndarray, "M C"]:
        """Return class probabilities of some nodes; one that was kept votes for itself."""
        return self._voted(data.features.dense(self.candidate.view)[torch.from_numpy(nodes)])

    def attach(self, data: Data, new: NewRows) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of new rows; their links are not looked at."""
        return self._voted(new.features.dense(self.candidate.view))

    def tensors(self) -> dict[str, Tensor]:
        """Return the rows and their votes."""
        return {"features": self.features, "votes": self.votes}

    @property
    def learned(self) -> int:
        """Nothing: rows are kept as they are."""
        return 0

    @property
    def size(self) -> int:
        """Bytes of the rows and the votes."""
        return self.features.nbytes + self.votes.nbytes

    def _voted(self, x: Float32[Tensor, "B F"]) -> Float32[np.ndarray, "B C"]:
        step = max(1, _COSINES_AT_ONCE // max(1, len(self.features)))
        found = [self._block(x[start : start + step]) for start in range(0, len(x), step)]
        return torch.cat(found).numpy() if found else np.zeros((0, self.votes.shape[1]), dtype=np.float32)

    def _block(self, x: Float32[Tensor, "B F"]) -> Float32[Tensor, "B C"]:
        cosines, near = (x @ self.features.T).topk(min(self.candidate.k, len(self.features)), dim=1)
        # A hair above zero: a text that is like none of them still gets a distribution.
        weight = cosines.clamp_min(1e-6)
        if self.several:
            return (weight[:, :, None] * self.votes[near]).sum(dim=1) / weight.sum(dim=1, keepdim=True)
        summed = (weight[:, :, None] * self.votes[near]).sum(dim=1) + 1e-6 / self.votes.shape[1]
        return summed / summed.sum(dim=1, keepdim=True)
