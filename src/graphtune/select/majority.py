"""The candidate that reads no text: every class as often as the labels have it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.select.data import Data, NewRows
from graphtune.select.features import View
from graphtune.select.graph_free import GraphFree


@dataclass(frozen=True)
class Majority(GraphFree):
    """The shares of the classes among the labels, for every text alike."""

    @property
    def reads(self) -> frozenset[View]:
        """None."""
        return frozenset()

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> "FittedMajority":
        """Count the labels of ``rows``, each as often as it weighs; ``seed`` is not used."""
        weights = None if data.weights is None else data.weights[rows]
        if data.marks is not None:
            shares = np.average(data.marks[rows], axis=0, weights=weights)
            return FittedMajority(torch.from_numpy(shares.astype(np.float32)))
        counts = np.bincount(data.labels[rows], weights, data.classes)
        return FittedMajority(torch.from_numpy((counts / counts.sum()).astype(np.float32)))

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> "FittedMajority":
        """Return a saved predictor."""
        return FittedMajority(tensors["shares"])

    def __str__(self) -> str:
        return "majority"


@dataclass(frozen=True, eq=False)
class FittedMajority:
    """The shares."""

    shares: Float32[Tensor, " C"]

    def at(self, data: Data, nodes: Int64[np.ndarray, " M"]) -> Float32[np.ndarray, "M C"]:
        """Return the shares for each of some nodes."""
        return np.tile(self.shares.numpy(), (len(nodes), 1))

    def attach(self, data: Data, new: NewRows) -> Float32[np.ndarray, "B C"]:
        """Return the shares for each new row."""
        return np.tile(self.shares.numpy(), (len(new.features), 1))

    def tensors(self) -> dict[str, Tensor]:
        """Return the shares."""
        return {"shares": self.shares}

    @property
    def learned(self) -> int:
        """One share a class."""
        return self.shares.numel()

    @property
    def size(self) -> int:
        """Bytes of the shares."""
        return self.shares.nbytes
