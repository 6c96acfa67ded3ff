"""Predictions corrected and smoothed over the graph, known labels held fast.

Source: Correct & Smooth, Huang et al., ICLR 2021, arXiv:2010.13993, sections 2.2 and 2.3.
Differs from the paper: the correction's scale is a setting rather than estimated; new rows are attached.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.graph import AttachedLinks, Hops, TextGraph, Trail
from graphtune.select.candidate import Candidate, Predictor
from graphtune.select.data import Data, NewRows
from graphtune.select.features import View
from graphtune.select.outcome import Family

_BLOCK_BYTES = 1 << 28  # of the classes that are spread at a time
_LEAST_CLASSES = 16  # fewer are spread no faster


@dataclass(frozen=True)
class Smoothed:
    """A base candidate's probabilities, spread over one graph."""

    base: Candidate
    graph: str = "meaning"
    hops: Hops = Hops(10, 0.3)
    correct: float = 0.0  # scale at which errors on labelled rows are spread before smoothing; 0 = not

    @property
    def family(self) -> Family:
        """It reads a graph; on top of a network it stays a network."""
        return "network" if self.base.family == "network" else "graph"

    @property
    def graphs(self) -> frozenset[str]:
        """The base's graphs and its own."""
        return self.base.graphs | {self.graph}

    @property
    def views(self) -> frozenset[View]:
        """The base's."""
        return self.base.views

    @property
    def reads(self) -> frozenset[View]:
        """The base's."""
        return self.base.reads

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> "FittedSmoothed":
        """Fit the base on ``rows``, then clamp their labels and spread."""
        base = data.fitted(self.base, rows, seed)
        start = torch.from_numpy(base.at(data, np.arange(len(data.labels))))
        known = torch.from_numpy(rows)
        truth = data.targets(rows)
        error = None
        if self.correct:
            error = torch.zeros_like(start)
            error[known] = truth - start[known]
            for some in _blocks(error):
                spread = self.hops.last(data.graphs[self.graph].graph, error[:, some])
                start[:, some] += self.correct * spread
            start = _probabilities(start, each=data.several)
        start[known] = truth
        return FittedSmoothed(self, base, start, error)

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> "FittedSmoothed":
        """Return a saved predictor."""
        inner = {name.removeprefix("base."): t for name, t in tensors.items() if name.startswith("base.")}
        start = tensors["start"]
        return FittedSmoothed(self, self.base.restored(data, inner), start, tensors.get("error"))

    def __str__(self) -> str:
        how = f"corrected ×{self.correct:g} and smoothed" if self.correct else "smoothed"
        over = "" if self.base.graphs == {self.graph} else f"{self.graph}, "
        return f"{self.base}, {how}({over}{self.hops.count} hops α={self.hops.alpha:g})"


@dataclass(frozen=True, eq=False)
class FittedSmoothed:
    """The base, and the values spreading started from.

    Classes do not meet while they spread: of many nodes some classes are spread at a time.
    """

    candidate: Smoothed
    base: Predictor
    start: Float32[Tensor, "N C"]
    error: Float32[Tensor, "N C"] | None  # where it is corrected
    _trails: tuple[Trail, Trail] = field(default_factory=lambda: (Trail(), Trail()), repr=False)

    def at(self, data: Data, nodes: Int64[np.ndarray, " M"]) -> Float32[np.ndarray, "M C"]:
        """Return class probabilities of some nodes."""
        graph, rows = data.graphs[self.candidate.graph].graph, torch.from_numpy(nodes)
        spread = [self.candidate.hops.last(graph, self.start[:, some])[rows] for some in _blocks(self.start)]
        return _probabilities(torch.cat(spread, dim=1), each=data.several).numpy()

    def attach(self, data: Data, new: NewRows) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of new rows, through the same hops as the stored ones."""
        candidate, graph = self.candidate, data.graphs[self.candidate.graph]
        hops, (of_start, of_error) = candidate.hops, self._trails
        links = new.links(candidate.graph, graph)
        own = torch.from_numpy(self.base.attach(data, new))
        if self.error is not None:
            spread = _attached(hops, of_error, graph.graph, links, self.error, torch.zeros_like(own))
            own = _probabilities(own + candidate.correct * spread, each=data.several)
        spread = _attached(hops, of_start, graph.graph, links, self.start, own)
        return _probabilities(spread, each=data.several).numpy()

    def tensors(self) -> dict[str, Tensor]:
        """Return the base's tensors and the start values."""
        found = {f"base.{name}": tensor for name, tensor in self.base.tensors().items()}
        found["start"] = self.start
        if self.error is not None:
            found["error"] = self.error
        return found

    @property
    def learned(self) -> int:
        """The base's: spreading learns nothing."""
        return self.base.learned

    @property
    def size(self) -> int:
        """Bytes of the start values and of the base."""
        own = self.start.nbytes + (0 if self.error is None else self.error.nbytes)
        return own + self.base.size + sum(trail.size for trail in self._trails)


def _blocks(values: Float32[Tensor, "N C"]) -> list[slice]:
    width = max(_LEAST_CLASSES, _BLOCK_BYTES // max(1, values.shape[0] * values.element_size()))
    return [slice(start, start + width) for start in range(0, values.shape[1], width)]


def _attached(
    hops: Hops,
    trail: Trail,
    graph: TextGraph,
    links: AttachedLinks,
    stored: Float32[Tensor, "N C"],
    new: Float32[Tensor, "M C"],
) -> Float32[Tensor, "M C"]:
    blocks = _blocks(stored)
    if len(blocks) == 1:
        return hops.attached(links, trail.states(hops, graph, stored), new)
    parts = [hops.attached(links, hops.states(graph, stored[:, some]), new[:, some]) for some in blocks]
    return torch.cat(parts, dim=1)


def _probabilities(values: Tensor, *, each: bool) -> Tensor:
    if each:
        return values.clamp(0.0, 1.0)
    positive = values.clamp_min(1e-9)
    return positive / positive.sum(dim=1, keepdim=True)
