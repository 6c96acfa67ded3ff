"""What candidates are fitted on, and the new rows they are asked about."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from graphtune.errors import PlanError
from graphtune.graph import AttachedLinks, Attachment, BuiltGraph, Hops, Rows
from graphtune.select.features import Features, View
from graphtune.select.turns import Turns

if TYPE_CHECKING:
    from graphtune.select.candidate import Candidate, Predictor

_KEPT_FITTED = 48  # fitted candidates held at once: bases that several others stand on, for every part
_KEPT_BYTES = 1 << 27  # of all that they hold
_KEPT_STATES = 2  # propagated features held at once; candidates that share them follow each other
_KEPT_READ = 2  # what was read of the same texts in different ways
_LARGE_STATE = 1 << 29  # bytes from which one is held

Read = TypeVar("Read")


class OutOfTime(Exception):  # noqa: N818 - nothing is wrong
    """The time for a candidate was over before it was fitted."""


@dataclass(frozen=True, eq=False)
class Data:
    """Features, graphs and labels over the same nodes. Labels reach a candidate only by its training rows."""

    features: Features
    graphs: Mapping[str, BuiltGraph]
    labels: Int64[np.ndarray, " N"]  # −1 = unknown
    classes: int
    weights: Float32[np.ndarray, " N"] | None = None
    marks: Bool[np.ndarray, "N C"] | None = None  # which labels a node has, where it may have several
    deadline: float | None = None  # on the clock of time.monotonic; what takes long then gives up
    turns: Turns | None = (
        None  # by which what can end early, and is tried whatever the time, keeps to a budget
    )
    names: Int64[np.ndarray, " K"] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # of classes
    _fitted: OrderedDict[tuple[object, bytes, int], "Predictor"] = field(
        default_factory=OrderedDict, repr=False
    )
    _served: dict[tuple[object, bytes, int], "Predictor"] = field(default_factory=dict, repr=False)
    _states: OrderedDict[tuple[str, str, Hops], Tensor] = field(default_factory=OrderedDict, repr=False)
    _read: dict[Hashable, object] = field(default_factory=dict, repr=False)

    def fitted(self, candidate: "Candidate", rows: Int64[np.ndarray, " T"], seed: int) -> "Predictor":
        """Return ``candidate`` fitted on ``rows``; the latest few are kept.

        Raises:
            OutOfTime: the deadline passed meanwhile.
        """
        key = (candidate, rows.tobytes(), seed)
        if key in self._served:
            return self._served[key]
        if key not in self._fitted:
            self._fitted[key] = candidate.fit(self, rows, seed=seed)
            while len(self._fitted) > 1 and self._crowded():
                self._fitted.popitem(last=False)
        self._fitted.move_to_end(key)
        return self._fitted[key]

    def serve(
        self, candidate: "Candidate", rows: Int64[np.ndarray, " T"], seed: int, predictor: "Predictor"
    ) -> None:
        """Let ``predictor`` be what ``candidate`` is on ``rows`` from now on, whatever it was fitted on."""
        self._served[candidate, rows.tobytes(), seed] = predictor

    @property
    def labelled(self) -> Int64[np.ndarray, " T"]:
        """The labelled nodes that are texts of the table, not `names` of classes."""
        return np.setdiff1d(np.flatnonzero(self.labels >= 0), self.names)

    @property
    def several(self) -> bool:
        """Whether a text may have several labels, so that each class has a probability of its own."""
        return self.marks is not None

    def check_single(self, reader: str) -> None:
        """See that every text has one label.

        Raises:
            PlanError: it may have several, which ``reader`` cannot learn.
        """
        if self.several:
            raise PlanError(
                f"{reader} cannot learn texts with several labels.",
                fix="name Probe, Propagated, Smoothed, Nearest, Majority or a Mean of them.",
            )

    def known(self, rows: Int64[np.ndarray, " T"]) -> Int64[np.ndarray, " N"]:
        """Return the labels of ``rows``; those of all other nodes are −1."""
        labels = np.full_like(self.labels, -1)
        labels[rows] = self.labels[rows]
        return labels

    def targets(self, rows: Int64[np.ndarray, " T"]) -> Float32[Tensor, "T C"]:
        """Return 1 for each label that a row has, else 0."""
        if self.marks is not None:
            return torch.from_numpy(self.marks[rows].astype(np.float32))
        return torch.nn.functional.one_hot(torch.from_numpy(self.labels[rows]), self.classes).float()

    def once(self, key: Hashable, read: Callable[[], Read]) -> Read:
        """Return what was read of nodes under ``key``; the latest two are kept."""
        if key not in self._read:
            while len(self._read) >= _KEPT_READ:
                del self._read[next(iter(self._read))]
            self._read[key] = read()
        return self._read[key]  # type: ignore[return-value]

    def read(self, key: Hashable) -> bool:
        """Say whether what was read under ``key`` is still kept."""
        return key in self._read

    def forget(self, rows: Int64[np.ndarray, " T"]) -> None:
        """Let go of propagated features, and of every candidate that was fitted on other rows than these."""
        for key in [key for key in self._fitted if key[1] != rows.tobytes()]:
            del self._fitted[key]
        self._states.clear()

    def lean(self, views: Collection[View], graphs: Collection[str]) -> "Data":
        """Return what predicting with ``views`` and ``graphs`` needs: nothing fitted, nothing read once."""
        return Data(
            self.features.only(views),
            {name: self.graphs[name] for name in self.graphs if name in graphs},
            self.labels,
            self.classes,
            self.weights,
            self.marks,
            names=self.names,
        )

    def _crowded(self) -> bool:
        held = sum(predictor.size for predictor in self._fitted.values())
        return len(self._fitted) > _KEPT_FITTED or held > _KEPT_BYTES

    def propagated(self, view: View, graph: str, hops: Hops) -> Float32[Tensor, "N F"]:
        """Return a dense view after ``hops`` over a graph; the latest few are kept."""
        key = (view, graph, hops)
        if key not in self._states:
            x = self.features.dense(view)
            kept = _KEPT_STATES if x.nbytes < _LARGE_STATE else 1
            while len(self._states) >= kept:
                self._states.popitem(last=False)
            self._states[key] = hops.last(self.graphs[graph].graph, x)
        self._states.move_to_end(key)
        return self._states[key]


@dataclass(frozen=True, eq=False)
class NewRows:
    """Rows to predict that are no nodes: their features and, once asked for, their links to the nodes."""

    features: Features
    rows: Mapping[str, Rows]  # by the graph they are to be attached to
    _made: dict[str, Attachment] = field(default_factory=dict, repr=False)
    _links: dict[str, AttachedLinks] = field(default_factory=dict, repr=False)

    def attachment(self, name: str, graph: BuiltGraph) -> Attachment:
        """Return the links of the new rows to one graph."""
        if name not in self._made:
            self._made[name] = graph.attach(self.rows[name])
        return self._made[name]

    def links(self, name: str, graph: BuiltGraph) -> AttachedLinks:
        """Return the same, normalised for `Hops`."""
        if name not in self._links:
            self._links[name] = AttachedLinks.of(graph.graph, self.attachment(name, graph))
        return self._links[name]
