"""No candidate reads the labels it is judged by; a candidate that does is caught."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from corpus import CLASSES, setting
from test_candidates import CANDIDATES
from torch import Tensor

from graphtune.select import Candidate, Data, NewRows, Predictor, Probe
from graphtune.select.held_out import HeldOut

PROBE = Probe("words")


def reads_judging_labels(candidate: Candidate) -> bool:
    """Say whether other labels of the judging rows change any bit of what is predicted for them."""
    data, _ = setting()
    rows = np.arange(45)
    held_out = HeldOut.folds(rows, data.labels, 0)
    for part in held_out.parts[:2]:
        shifted = data.labels.copy()
        shifted[part.held] = (shifted[part.held] + 1) % CLASSES
        hidden = data.labels.copy()
        hidden[part.held] = -1
        expected = part.predict(candidate, data, 0)
        for labels in (shifted, hidden):
            if not np.array_equal(part.predict(candidate, setting(labels=labels)[0], 0), expected):
                return True
    return False


@pytest.mark.parametrize("candidate", CANDIDATES, ids=str)
def test_judging_labels_change_no_bit(candidate):
    assert not reads_judging_labels(candidate)


@dataclass(frozen=True)
class Leaky:
    """Predicts as the probe does, and a little more of what is so."""

    inside: Probe
    share: float = 0.01

    family, graphs, views, reads = "graph-free", frozenset(), frozenset(), frozenset({"meaning"})

    def fit(self, data: Data, rows, *, seed: int) -> "FittedLeaky":
        inner = self.inside.fit(data, rows, seed=seed)
        known = np.eye(CLASSES, dtype=np.float32)[np.maximum(data.labels, 0)]
        return FittedLeaky(
            inner,
            (1 - self.share) * inner.at(data, np.arange(len(data.labels))) + np.float32(self.share) * known,
        )

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> Predictor:
        return self.inside.restored(data, tensors)


@dataclass(frozen=True, eq=False)
class FittedLeaky:
    inner: Predictor
    nodes: np.ndarray

    def at(self, data: Data, nodes: np.ndarray) -> np.ndarray:
        return self.nodes[nodes]

    @property
    def learned(self) -> int:
        return 0

    @property
    def size(self) -> int:
        return self.nodes.nbytes

    def attach(self, data: Data, new: NewRows) -> np.ndarray:
        return self.inner.attach(data, new)

    def tensors(self) -> dict[str, Tensor]:
        return self.inner.tensors()


def test_a_planted_leak_is_found():
    assert reads_judging_labels(Leaky(PROBE))
    assert not reads_judging_labels(PROBE)


def test_labels_of_rows_that_teach_do_count():
    """The guard would be worth nothing if no label changed anything."""
    data, _ = setting()
    held_out = HeldOut.folds(np.arange(45), data.labels, 0)
    shifted = data.labels.copy()
    some = held_out.parts[0].train[:10]  # not all: the shares of the classes must change too
    shifted[some] = (shifted[some] + 1) % CLASSES
    for candidate in CANDIDATES:
        before = held_out.parts[0].predict(candidate, data, 0)
        assert not np.array_equal(before, held_out.parts[0].predict(candidate, setting(labels=shifted)[0], 0))
