"""The contract of everything that can be chosen."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.select.data import Data, NewRows
from graphtune.select.features import View
from graphtune.select.outcome import Family


@runtime_checkable
class Predictor(Protocol):
    """A fitted candidate."""

    def at(self, data: Data, nodes: Int64[np.ndarray, " M"]) -> Float32[np.ndarray, "M C"]:
        """Return class probabilities of some nodes of the data, training or other rows, in a new array.

        They are worked out when asked for: of a million texts all of them would be larger than the texts.
        What worked them out while it was fitted has none when it is restored (`tells_nodes`).
        """
        ...

    def attach(self, data: Data, new: NewRows) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of new rows."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Return what `Candidate.restored` needs beside the data, for saving."""
        ...

    @property
    def learned(self) -> int:
        """How many numbers were learned from the labels; not what was copied from rows or labels."""
        ...

    @property
    def size(self) -> int:
        """Bytes it holds."""
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

    @property
    def reads(self) -> frozenset[View]:
        """Views of any rows that it is fitted on, or predicts from; not those its graphs are built on."""
        ...

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> Predictor:
        """Learn from the labels of ``rows`` only."""
        ...

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> Predictor:
        """Return a saved predictor."""
        ...

    def __str__(self) -> str: ...


def served(candidate: Candidate) -> Candidate:
    """Return what of a fitted candidate is needed to predict: not who taught it."""
    return getattr(candidate, "served", candidate)


def tells_nodes(predictor: Predictor) -> bool:
    """Say whether a predictor, fitted or restored, can be asked about the data's nodes."""
    members: Sequence[Predictor] = getattr(predictor, "members", ())
    return getattr(predictor, "knows_nodes", True) and all(tells_nodes(member) for member in members)
