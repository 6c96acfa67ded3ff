"""The mean of several candidates' probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.select.calibration import calibrated
from graphtune.select.candidate import Candidate, Predictor, served
from graphtune.select.data import Data, NewRows
from graphtune.select.features import View
from graphtune.select.outcome import Family


@dataclass(frozen=True)
class Mean:
    """Members that err differently, averaged.

    ``temperatures``: at which each member's probabilities are taken, so that none counts for more because it
    is bolder; none = as they are. ``weights``: what each counts, in all 1; none = the same.
    """

    members: tuple[Candidate, ...]
    temperatures: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()

    @property
    def served(self) -> "Mean":
        """What of its members is needed to predict."""
        return replace(self, members=tuple(served(member) for member in self.members))

    @property
    def family(self) -> Family:
        """The most involved of the members' families."""
        families = {member.family for member in self.members}
        if "network" in families:
            return "network"
        return "graph" if "graph" in families else "graph-free"

    @property
    def graphs(self) -> frozenset[str]:
        """Every graph a member reads."""
        return frozenset().union(*(member.graphs for member in self.members))

    @property
    def views(self) -> frozenset[View]:
        """Every view a member needs."""
        return frozenset().union(*(member.views for member in self.members))

    @property
    def reads(self) -> frozenset[View]:
        """Every view a member reads."""
        return frozenset().union(*(member.reads for member in self.members))

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> "FittedMean":
        """Fit every member on the labels of ``rows``."""
        fitted = tuple(data.fitted(member, rows, seed) for member in self.members)
        return FittedMean(fitted, self.temperatures, self.weights)

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> "FittedMean":
        """Return a saved predictor."""
        members = []
        for number, member in enumerate(self.members):
            prefix = f"{number}."
            own = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
            members.append(member.restored(data, own))
        return FittedMean(tuple(members), self.temperatures, self.weights)

    def __str__(self) -> str:
        counts = [f" × {weight:.2g}" for weight in self.weights] or [""] * len(self.members)
        return "mean of " + " and ".join(f"[{m}]{c}" for m, c in zip(self.members, counts, strict=True))


@dataclass(frozen=True, eq=False)
class FittedMean:
    """Fitted members."""

    members: tuple[Predictor, ...]
    temperatures: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()

    def at(self, data: Data, nodes: Int64[np.ndarray, " M"]) -> Float32[np.ndarray, "M C"]:
        """Return the mean of the members' probabilities of some nodes."""
        return mean([member.at(data, nodes) for member in self.members], self.temperatures, self.weights)

    def attach(self, data: Data, new: NewRows) -> Float32[np.ndarray, "B C"]:
        """Return the mean of the members' probabilities."""
        return mean([member.attach(data, new) for member in self.members], self.temperatures, self.weights)

    def tensors(self) -> dict[str, Tensor]:
        """Return every member's tensors, under its number."""
        found: dict[str, Tensor] = {}
        for number, member in enumerate(self.members):
            found |= {f"{number}.{name}": tensor for name, tensor in member.tensors().items()}
        return found

    @property
    def learned(self) -> int:
        """Of all members."""
        return sum(member.learned for member in self.members)

    @property
    def size(self) -> int:
        """None of its own: its members are held, and counted, by themselves."""
        return 0


def mean(
    tables: Sequence[Float32[np.ndarray, "N C"]],
    temperatures: Sequence[float] = (),
    weights: Sequence[float] = (),
) -> Float32[np.ndarray, "N C"]:
    """Return the mean of probability tables of the same shape, each at its temperature if there are any.

    With ``weights``, which sum to 1, the weighted mean.
    """
    if temperatures:
        tables = [calibrated(one, heat) for one, heat in zip(tables, temperatures, strict=True)]
    if weights:
        tables = [np.float32(len(tables) * weight) * one for weight, one in zip(weights, tables, strict=True)]
    return (sum(tables[1:], tables[0]) / np.float32(len(tables))).astype(np.float32)
