"""What a search prefers: by right answers where labels are many, by likelihood where they are few."""

import time
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from corpus import NAMED, setting
from known import MANY, Known

from graphtune import progress
from graphtune.graph import Neighbours
from graphtune.layer import GCN
from graphtune.select import Candidate, NamedGraph, Network, Probe, Smoothed, grid, means
from graphtune.select.data import OutOfTime
from graphtune.select.held_out import HeldOut
from graphtune.select.journal import Journal
from graphtune.select.mean import Mean
from graphtune.select.search import Search
from graphtune.select.turns import Turns
from graphtune.select.verdict import choose
from graphtune.strategy import Full


@pytest.fixture(autouse=True)
def _brief_networks(monkeypatch):
    """Let a search try the first of its networks alone, briefly; all take longer than all else."""
    usual, brief = grid.networks, Full(rate=0.01, epochs=10)

    def first(graph, view, *, few):
        found = next(one for one in usual(graph, view, few=few) if isinstance(one, Network))
        return [replace(found, width=16, strategy=brief)]

    monkeypatch.setattr(grid, "networks", first)


def search(stored: int) -> Search:
    data, _ = setting(stored=stored)
    return Search(data, HeldOut.folds(np.arange(stored), data.labels, 0), 0, time.monotonic() + 60)


def chosen(stored: int, *candidates: Candidate) -> str:
    made = search(stored)
    made.run_only(candidates)
    return str(choose(made.standing).chosen.candidate)


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
    verdict = choose(made.standing).verdict
    assert verdict.graph_helps
    assert verdict.gain_low <= 0 < verdict.gain_high
    assert "not sure to help" in verdict.text
    assert "clearly loses" in verdict.text


def test_few_labels_are_answered_by_the_mean_over_every_graphs_best_smoothed_candidate():
    made = search(45)
    made.run((NAMED["meaning"], NAMED["both"]), up_to="graph")
    best = made.standing.first("graph")
    assert isinstance(made.standing.team, Mean)
    assert best.candidate == made.standing.team or made.standing.clearly(
        best, made.standing.tried[made.standing.team]
    )
    assert [m.graph for m in made.standing.team.members if isinstance(m, Smoothed)] in (
        ["meaning", "both"],
        ["both", "meaning"],
    )
    smooth = [t for t in made.standing.complete if isinstance(t.candidate, Smoothed)]
    for member in made.standing.team.members:
        rivals = [t.likelihood for t in smooth if t.candidate.graphs == member.graphs]
        assert made.standing.tried[member].likelihood == min(rivals)


def test_with_the_users_links_the_mean_is_over_graphs_that_hold_them():
    made = search(45)
    made.run((NAMED["links"], NAMED["fused"], NAMED["meaning"]), up_to="graph")
    assert isinstance(made.standing.team, Mean)
    assert made.standing.team.graphs <= {"links", "fused"}


def test_a_mean_must_clearly_lead_its_best_member_where_labels_are_many():
    made = search(MANY)
    made.run((NAMED["meaning"],))
    best = made.standing.first()
    means = [t for t in made.standing.tried.values() if isinstance(t.candidate, Mean)]
    assert means
    single = max((t for t in made.standing.complete if t not in means), key=lambda t: t.accuracy)
    assert isinstance(best.candidate, Mean) == any(made.standing.clearly(t, single) for t in means)


def heats(stored: int, journal: Journal | None = None) -> Search:
    """Return a search whose first part chooses who is judged by the other four."""
    data, _ = setting(stored=stored)
    held_out = replace(HeldOut.folds(np.arange(stored), data.labels, 0, often=False), first=1)
    return Search(data, held_out, 0, time.monotonic() + 60, journal)


class Cutting(Known):
    """Its training is ended by its turn."""

    def fit(self, data, rows, *, seed):
        data.turns.cut += 1
        return super().fit(data, rows, seed=seed)


RIVALS = [Known(f"free {i}", "graph-free", wrong=3 * i) for i in range(6)]


def finals(made: Search, *asked: Candidate) -> None:
    with progress.bar("candidates", float(len(asked)), "tried") as bar:
        made._try_all(asked, bar, always=True)
    made._finals(made._finalists())


def test_the_best_of_the_first_part_are_judged_by_every_part():
    made = heats(MANY)
    finals(made, *RIVALS)
    judged = {tried.candidate.name: tried.parts for tried in made.standing.tried.values()}
    assert sorted(judged.values()) == [1, 1, 5, 5, 5, 5]
    assert made.standing.parts == 5
    assert made.standing.rows == MANY
    assert {tried.parts for tried in made.standing.complete} == {5}
    assert len(made.standing.first().right) == MANY
    assert made.said.endswith("5 parts in turn")
    told = [(scored.folds, scored.note) for scored in made.scored()]
    assert told == [(5, "")] * 4 + [(1, "not among the best after 1 of 5 parts")] * 2


def test_when_time_is_out_only_parts_that_judged_every_finalist_count():
    made = heats(MANY)

    class Slow(Known):
        def fit(self, data, rows, *, seed):
            if len(rows) < MANY and self.name == "slow" and made.standing.parts == 2:
                made.deadline = 0.0
            return super().fit(data, rows, seed=seed)

    finals(made, Slow("slow", "graph-free"), Known("free", "graph-free"))
    assert made.standing.parts == 2
    assert [len(tried.right) for tried in made.standing.complete] == [int(made.held_out.ends[1])] * 2


def test_everything_that_a_plan_names_is_judged_by_every_part_whatever_the_time():
    made = heats(MANY)
    made.deadline = 0.0
    asked = [*RIVALS, Mean((RIVALS[0], Known("graph", "graph"))), Known("network", "network", wrong=40)]
    made.run_only(asked)
    assert {tried.candidate for tried in made.standing.complete} == set(asked)
    assert made.standing.parts == 5


def test_a_network_that_is_behind_leaves_the_finals_and_the_others_go_on():
    made = heats(MANY)
    network = Known("network", "network", wrong=60)
    finals(made, *RIVALS[:2], network)
    assert made.standing.tried[network].parts == 2
    assert made.standing.parts == 5
    assert made.scored()[-1].note == "given up after 2 of 5 parts"


def test_a_network_without_time_does_not_cost_the_others_their_part():
    made = heats(MANY)

    class Endless(Known):
        def fit(self, data, rows, *, seed):
            if made.standing.parts == 2 and data.deadline is not None:
                raise OutOfTime
            return super().fit(data, rows, seed=seed)

    # Named by the plan first: networks come last in a round all the same.
    finals(made, Endless("network", "network"), *RIVALS[:2])
    assert [tried.parts for tried in made.standing.complete] == [5, 5]
    assert made.scored()[-1].note == "left out after 2 of 5 parts: no time"


def test_with_few_labels_every_member_of_the_usual_mean_is_judged_by_every_part():
    made = heats(45)
    made.run((NAMED["meaning"], NAMED["both"]))
    assert made.standing.parts == 5
    assert {"meaning", "both"} <= {graph for t in made.standing.complete for graph in t.candidate.graphs}
    assert made.standing.tried[made.standing.team].parts == 5


def test_what_the_clock_stops_is_not_called_worse():
    made = search(MANY)

    class Slow(Known):
        def fit(self, data, rows, *, seed):
            made.deadline = 0.0
            return super().fit(data, rows, seed=seed)

    with progress.bar("candidates", 2.0, "tried") as bar:
        made._try_all([FREE], bar, always=True)
        made._try_all([Slow("slow", "graph-free")], bar)
        made._try_all([Known("later", "graph")] * 2, bar)
    parts = len(made.held_out.parts)
    notes = [scored.note for scored in made.scored()]
    assert notes == ["", f"left out after 1 of {parts} parts: no time", "left out: no time"]


def test_finals_that_were_interrupted_go_on_where_they_stood(tmp_path):
    def search_with_journal(*, resume: bool) -> Search:
        return heats(MANY, Journal.opened(tmp_path, "same", resume=resume))

    fitted = []

    class Counted(Known):
        def fit(self, data, rows, *, seed):
            fitted.append(self.name)
            if len(fitted) == 6:
                raise KeyboardInterrupt
            return super().fit(data, rows, seed=seed)

    asked = [Counted("first", "graph-free"), Counted("second", "graph-free", wrong=9)]
    with pytest.raises(KeyboardInterrupt):
        search_with_journal(resume=False).run_only(asked)
    again = search_with_journal(resume=True)
    again.run_only(asked)
    assert len(fitted) == 6 + 2 * 5 - 5
    assert [tried.parts for tried in again.standing.tried.values()] == [5, 5]


def test_what_a_turn_cut_is_not_kept_nor_what_stands_on_it_or_is_a_part_of_it(tmp_path):
    journal = Journal.opened(tmp_path, "same", resume=False)
    made = heats(MANY, journal)
    made.data = replace(made.data, turns=Turns(time.monotonic()))
    one, two, three = Cutting("one", "graph"), Known("two", "graph"), Known("three", "graph")
    made.run_only([one, two], exactly=True)
    assert journal.find(repr(one)) is None
    assert journal.find(repr(two)) is not None
    for candidate, kept in ((Mean((one, three)), False), (Mean((two, three)), True)):
        made._keep(replace(made.standing.tried[two], candidate=candidate))
        assert (journal.find(repr(candidate)) is not None) == kept
    made.cut = {Mean((two, three))}
    journal.drop(repr(two))
    made._keep(made.standing.tried[two])
    assert journal.find(repr(two)) is None


def test_a_network_that_time_runs_out_on_is_left_out():
    made = search(MANY)
    slow = Network(GCN, "meaning", "meaning", strategy=Full(epochs=100_000))
    with progress.bar("candidates", 2.0, "tried") as bar:
        made._try_all([Probe()], bar, always=True)
        made.deadline = time.monotonic() + 0.01
        made._try_all([slow], bar)
    assert made.left_out == [slow]
    assert [scored.note for scored in made.scored()] == ["", "left out: no time"]


def test_of_many_labels_one_candidate_reads_words_whatever_the_time():
    made = search(MANY)
    made.deadline = 0.0
    made.run(list(NAMED.values())[:1])
    assert Probe("all", 1.0, "squared hinge") in made.standing.tried
    assert made.left_out


def test_what_a_first_deadline_left_out_is_tried_until_another():
    graphs = list(NAMED.values())[:1]
    made = search(MANY)
    made.deadline = 0.0
    made.run(graphs, up_to="graph")
    left = set(made.left_out)
    before = dict(made.standing.tried)
    made.go_on(graphs, time.monotonic() + 60, up_to="graph", start=None)
    assert not made.left_out
    # What is smoothed is the leader of the time.
    assert {one for one in left if not isinstance(one, Smoothed)} <= {*made.standing.tried}
    assert all(made.standing.tried[one].parts >= tried.parts for one, tried in before.items())


def test_what_the_table_has_no_room_for_is_told(monkeypatch):
    monkeypatch.setattr("graphtune.select.extent._MOST_WEIGHTS", 1)
    made = search(MANY)
    made.deadline = 0.0
    made.run(list(NAMED.values())[:1])
    notes = {scored.name: scored.note for scored in made.scored()}
    assert made.too_large
    for probe in made.too_large:
        assert probe.view in ("words", "all")
        assert notes[str(probe)] == "too large for this table; a plan can name it"
    assert not {*made.too_large} & {*made.standing.tried, *made.left_out}


@pytest.mark.parametrize("stored", [45, MANY])
def test_the_bar_never_counts_more_than_it_said(monkeypatch, stored):
    told = []

    class Counted:
        def __init__(self, total: float) -> None:
            self.total, self.done = total, 0.0
            told.append(self)

        def advance(self, done: float) -> None:
            self.done += done

    monkeypatch.setattr(progress, "bar", lambda what, total, unit: nullcontext(Counted(total)))
    made = search(stored)
    made.run((NAMED["meaning"], NAMED["both"]))
    assert 0.7 * told[0].total < told[0].done <= told[0].total


@pytest.mark.parametrize("parts", [1, 5])
@pytest.mark.parametrize("wrong", [0, 40])
def test_several_blocks_are_read_on_unless_the_last_tells_clearly_more(wrong, parts):
    made = search(MANY)
    named = [NAMED["meaning"], NamedGraph("blocks", Neighbours(5), "blocks")]
    linear = grid.propagated(named, few=False, views={"meaning", "blocks"})
    made.standing.parts = 5
    for view, missed in (("meaning", 20), ("blocks", wrong)):
        # One that was given up early, behind what reads a graph, is held against the other all the same.
        labels = made.held_out.labels[: made.held_out.ends[(parts if view == "blocks" else 5) - 1]]
        table = np.full((len(labels), 3), 0.1, dtype=np.float32)
        table[np.arange(len(labels)), (labels + (np.arange(len(labels)) < missed)) % 3] = 0.8
        made.standing.tried[Probe(view)] = made.standing.judged(Probe(view), table, 0.0)
    without = [one for one in linear if "blocks" not in str(one)]
    assert means.worth_reading(made.standing, linear, named) == (without if wrong else linear)
    assert 0 < len(without) < len(linear)
