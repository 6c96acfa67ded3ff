"""The contract of everything that can be chosen."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.select.data import Data, NewRows
from graphtune.select.features import View
from graphtune.select.outcome import Family

Probabilities = Float32[np.ndarray, "N C"]


@runtime_checkable
class Predictor(Protocol):
    """A fitted candidate."""

    @property
    def nodes(self) -> Probabilities:
        """Class probabilities of every node of the data, training rows included."""
        ...

    def attach(self, data: Data, new: NewRows) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of new rows."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Return what `Candidate.restored` needs beside the data, for saving."""
        ...


@runtime_checkable
class Candidate(Protocol):
    """A frozen dataclass whose fields are one way to predict."""

    @property
    def family(self) -> Family:
        """Whether it reads a graph, and how."""
        ...

    @property
    def graphs(self) -> frozenset[str]:
        """Names of the graphs it reads."""
        ...

    @property
    def views(self) -> frozenset[View]:
        """Dense views of the *stored* rows that attaching new rows needs."""
        ...

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> Predictor:
        """Learn from the labels of ``rows`` only."""
        ...

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> Predictor:
        """Return a saved predictor."""
        ...

    def __str__(self) -> str: ...
