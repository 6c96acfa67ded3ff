"""What a search prefers: by right answers where labels are many, by likelihood where they are few."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from corpus import CLASSES, NAMED, setting
from torch import Tensor

from graphtune.select import Candidate, Data, Predictor, Smoothed
from graphtune.select.grid import FEW
from graphtune.select.held_out import HeldOut
from graphtune.select.mean import Mean
from graphtune.select.outcome import Family
from graphtune.select.search import Search
from graphtune.select.verdict import choose

MANY = FEW * CLASSES + 30
_FAMILIES = ("graph-free", "graph", "network")


@dataclass(frozen=True)
class Known:
    """Gives the truth a certain probability, and is wrong on so many rows, mostly its family's own."""

    name: str
    family: Family
    sure: float = 0.9
    wrong: int = 0

    graphs, views = frozenset({"meaning"}), frozenset()

    def fit(self, data: Data, rows, *, seed: int) -> "FittedKnown":
        truth = np.arange(len(data.labels)) % CLASSES
        missed = np.roll(np.arange(len(truth)) < self.wrong, 15 * _FAMILIES.index(self.family))
        nodes = np.full((len(truth), CLASSES), (1 - self.sure) / (CLASSES - 1), dtype=np.float32)
        nodes[np.arange(len(truth)), (truth + missed) % CLASSES] = self.sure
        return FittedKnown(nodes)

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> Predictor:
        raise NotImplementedError

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class FittedKnown:
    nodes: np.ndarray

    def attach(self, data: Data, new) -> np.ndarray:
        raise NotImplementedError

    def tensors(self) -> dict[str, Tensor]:
        return {}


def search(stored: int) -> Search:
    data, _ = setting(stored=stored)
    return Search(data, HeldOut.folds(np.arange(stored), data.labels, 0), 0, time.monotonic() + 60)


def chosen(stored: int, *candidates: Candidate) -> str:
    made = search(stored)
    made.run_only(candidates)
    return str(choose(made).chosen.candidate)


FREE = Known("free", "graph-free", wrong=12)


@pytest.mark.parametrize(
    ("stored", "wrong", "expected"),
    [
        (45, 4, "graph"),
        # With few labels the graph is taken unless it clearly loses, with many only if it clearly leads.
        (45, 13, "graph"),
        (45, 40, "free"),
        (MANY, 4, "graph"),
        (MANY, 11, "free"),
        (MANY, 40, "free"),
    ],
)
def test_the_graph_must_lead_where_labels_are_many_and_not_clearly_lose_where_few(stored, wrong, expected):
    assert chosen(stored, FREE, Known("graph", "graph", wrong=wrong)) == expected


@pytest.mark.parametrize(
    ("stored", "graph", "network", "expected"),
    [(45, 9, 0, "network"), (45, 9, 8, "graph"), (MANY, 2, 0, "network"), (MANY, 2, 1, "graph")],
)
def test_a_network_must_clearly_lead_what_is_simpler(stored, graph, network, expected):
    rivals = (Known("graph", "graph", wrong=graph), Known("network", "network", wrong=network))
    assert chosen(stored, FREE, *rivals) == expected


def test_the_verdict_says_when_it_is_not_sure():
    made = search(45)
    made.run_only([FREE, Known("graph", "graph", wrong=11)])
    verdict = choose(made).verdict
    assert verdict.graph_helps
    assert verdict.gain_low <= 0 < verdict.gain_high
    assert "not sure to help" in verdict.text
    assert "clearly loses" in verdict.text


def test_few_labels_are_answered_by_the_mean_over_every_graphs_best_smoothed_candidate():
    made = search(45)
    made.run((NAMED["meaning"], NAMED["both"]), same=False)
    best = made.first("graph")
    assert isinstance(made.team, Mean)
    assert best.candidate == made.team or made.clearly(best, made.tried[made.team])
    assert [m.graph for m in made.team.members if isinstance(m, Smoothed)] in (
        ["meaning", "both"],
        ["both", "meaning"],
    )
    smooth = [t for t in made.tried.values() if isinstance(t.candidate, Smoothed) and t.complete]
    for member in made.team.members:
        rivals = [t.likelihood for t in smooth if t.candidate.graphs == member.graphs]
        assert made.tried[member].likelihood == min(rivals)


def test_with_the_users_links_the_mean_is_over_graphs_that_hold_them():
    made = search(45)
    made.run((NAMED["links"], NAMED["fused"], NAMED["meaning"]), same=False)
    assert isinstance(made.team, Mean)
    assert made.team.graphs <= {"links", "fused"}


def test_a_mean_must_clearly_lead_its_best_member_where_labels_are_many():
    made = search(MANY)
    made.run((NAMED["meaning"],), same=False)
    best = made.first()
    means = [t for t in made.tried.values() if isinstance(t.candidate, Mean)]
    assert means
    single = max((t for t in made.tried.values() if t.complete and t not in means), key=lambda t: t.accuracy)
    assert isinstance(best.candidate, Mean) == any(made.clearly(t, single) for t in means)
