"""A whole search: never worse than `fit`, the same again, and gone on with after whatever ended it."""

import csv
import json
import math
import shutil

import numpy as np
import pytest
from drawing import graphs
from subjects import linked, table

from graphtune.errors import MissingExtraError, OutputError, PlanError, TrainError
from graphtune.layer import GCN
from graphtune.plan import Plan
from graphtune.run import fit_table
from graphtune.select import Network, Probe, grid
from graphtune.strategy import Full
from graphtune.sweep import Asked, Found, search_table
from graphtune.sweep.judge import Judge
from graphtune.sweep.pool import Pool
from graphtune.sweep.study import opened
from graphtune.table import from_lists

PLAN = Plan(encoder="tfidf")
LINEAR = Asked(trials=4, budget_seconds=60.0, space="linear")


def search(into, asked: Asked = LINEAR, rows=None, **settings) -> Found:
    return search_table(table() if rows is None else rows, plan=PLAN, into=into, asked=asked, **settings)


def told(found: Found) -> list[tuple]:
    return [(one.state, one.given, one.parts, one.settings) for one in found.trials if one.state != "failed"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Found, object]:
    into = tmp_path_factory.mktemp("search") / "whole"
    return search(into), into


@pytest.fixture
def stopped(monkeypatch):
    """Let the n-th judged setting end in an exception."""

    def at(number: int, error: BaseException) -> None:
        real, calls = Judge.judge, []

        def judge(self, *arguments):
            calls.append(arguments)
            if len(calls) == number:
                raise error
            return real(self, *arguments)

        monkeypatch.setattr(Judge, "judge", judge)

    return at


def test_it_finds_nothing_worse_than_fit(whole):
    found, _ = whole
    assert found.count("complete", given=False) + found.count("given up", given=False) == 4
    assert found.best.likelihood <= found.usual.likelihood
    own = fit_table(table(), plan=Plan(encoder="tfidf", up_to="graph"), into=None).outcome
    assert found.usual.likelihood <= min(one.likelihood for one in own.candidates if not one.note) + 1e-6


def test_it_writes_a_plan_every_trial_and_the_figures(whole):
    found, into = whole
    read = Plan.read(into / "plan.toml")
    assert read == found.plan
    assert read.candidates == (found.best.candidate,)
    assert {one.name for one in read.graphs} == found.best.candidate.graphs
    model = fit_table(table(), plan=read, into=None)
    scored = {one.name: one for one in model.outcome.candidates}
    assert scored[str(found.best.candidate)].likelihood == pytest.approx(found.best.likelihood, abs=1e-6)
    with (into / "trials.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["number"]) for row in rows] == [one.number for one in found.trials]
    assert [row["state"] for row in rows] == [one.state for one in found.trials]
    assert all(json.loads(row["settings"]) for row in rows)
    facts = json.loads((into / "search.json").read_text(encoding="utf-8"))
    assert facts["best"]["likelihood"] == found.best.likelihood
    assert sum(facts["counts"]["drawn"].values()) == 4
    assert facts["fingerprint"] == (into / "fingerprint").read_text()
    assert not list(into.glob(".graphtune-partial*"))


def test_the_same_seed_draws_the_same(whole, tmp_path):
    again = search(tmp_path / "again")
    assert told(again) == told(whole[0])
    assert again.plan == whole[0].plan


@pytest.mark.parametrize("at", [1, 3, 7])
def test_one_that_was_interrupted_goes_on_as_if_nothing_had_been(at, whole, tmp_path, stopped, monkeypatch):
    into = tmp_path / "search"
    with monkeypatch.context():
        stopped(at, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            search(into)
    assert (into / "plan.toml").exists() == (at > 1)
    monkeypatch.undo()
    found = search(into)
    assert told(found) == told(whole[0])
    assert found.plan == whole[0].plan
    assert [one.why for one in found.trials if one.state == "failed"] == ["interrupted"]


def test_a_killed_trial_is_a_failed_one_and_does_not_count(whole, tmp_path, stopped, monkeypatch):
    into = tmp_path / "search"

    class Killed(BaseException):
        """Nothing catches it, so that the trial is left as a kill leaves it."""

    stopped(6, Killed())
    with pytest.raises(Killed):
        search(into)
    monkeypatch.undo()
    found = search(into)
    assert [one.why for one in found.trials if one.state == "failed"] == ["killed"]
    assert told(found) == told(whole[0])


def test_more_trials_go_on_from_those_that_are_done(whole, tmp_path):
    search(tmp_path / "search", Asked(1, 60.0, "linear"))
    assert told(search(tmp_path / "search")) == told(whole[0])
    # Enough were done: nothing is tried, and the files are written again.
    (tmp_path / "search" / "plan.toml").unlink()
    assert told(search(tmp_path / "search", Asked(2, 60.0, "linear"))) == told(whole[0])
    assert (tmp_path / "search" / "plan.toml").exists()


def test_a_setting_that_cannot_be_carried_out_is_given_up_and_counts(tmp_path, stopped):
    stopped(6, TrainError("The loss is nan.", fix="lower the rate."))
    found = search(tmp_path / "search")
    assert [one.why for one in found.trials if one.why not in ("", "behind")] == ["The loss is nan."]
    assert found.count("complete", given=False) + found.count("given up", given=False) == 4


def test_networks_are_searched_and_stopped_by_the_budget(tmp_path):
    found = search(tmp_path / "search", Asked(1, 120.0, "network"))
    assert found.best.candidate.family == "network"
    assert found.usual.candidate.family == "network"
    with pytest.raises(PlanError, match="over before one setting was judged") as caught:
        search(tmp_path / "soon", Asked(2, 0.001, "network"))
    assert "--budget" in caught.value.fix
    assert not (tmp_path / "soon").exists()


def test_a_network_that_takes_a_tenth_of_the_budget_is_given_up(tmp_path, monkeypatch):
    slow = Network(GCN, "meaning", graphs(same=True)[0].name, 16, strategy=Full(epochs=200))
    monkeypatch.setattr(grid, "networks", lambda *_, **__: [slow])
    monkeypatch.setattr("graphtune.sweep.search._PART_SHARE", 1e-6)
    found = search(tmp_path / "search", Asked(1, 60.0, "all"))
    (told,) = [one for one in found.trials if one.given and one.candidate == str(slow)]
    assert (told.state, told.why) == ("given up", "slow")


def test_many_labels_are_ranked_by_accuracy(tmp_path, monkeypatch):
    monkeypatch.setattr("graphtune.select.grid.FEW", 1)
    found = search(tmp_path / "search", Asked(2, 60.0, "linear"))
    assert not found.few
    values = [one for one in found.trials if one.state == "complete"]
    assert all(one.value == one.accuracy for one in values)
    assert found.best.accuracy == max(found.best.accuracy, *(one.value for one in values))


def test_val_rows_judge_as_new_texts(tmp_path):
    found = search(tmp_path / "search", Asked(2, 60.0, "linear"), rows=table(labelled=4, val=6))
    assert "validation rows" in found.said
    model = fit_table(table(labelled=4, val=6), plan=found.plan, into=None)
    scored = {one.name: one.likelihood for one in model.outcome.candidates}
    assert scored[str(found.best.candidate)] == pytest.approx(found.best.likelihood, abs=1e-6)


def test_links_are_searched_too(tmp_path):
    rows, links, *_ = linked()
    found = search(tmp_path / "search", Asked(4, 60.0, "linear"), rows=rows, links=links)
    assert found.best.accuracy > 0.9
    assert any("links" in one.candidate for one in found.trials if not one.given)


def test_test_rows_change_nothing(whole, tmp_path):
    rows = table()
    labels = [None if label < 0 else rows.classes[label] for label in rows.labels]
    turned = {"bill": "parcel", "parcel": "screen", "screen": "bill"}
    other = [
        turned[label] if label and part == "test" else label
        for label, part in zip(labels, rows.split, strict=True)
    ]
    changed = from_lists(list(rows.texts), other, split=list(rows.split))
    found = search(tmp_path / "search", rows=changed)
    assert found.plan == whole[0].plan
    assert np.isclose(found.best.likelihood, whole[0].best.likelihood)


@pytest.mark.parametrize("change", ["table", "seed", "space", "version", "links"])
def test_another_search_is_left_as_it_is(change, whole, tmp_path, monkeypatch):
    into = whole[1]
    before = {path.name: path.read_bytes() for path in into.iterdir() if path.is_file()}
    asked, settings, rows = LINEAR, PLAN, table()
    links = None
    match change:
        case "table":
            rows = table(seed=1)
        case "seed":
            settings = Plan(encoder="tfidf", seed=1)
        case "space":
            asked = Asked(6, 60.0, "all")
        case "version":
            monkeypatch.setattr("graphtune.__version__", "9.9")
        case _:
            links = linked()[1]
            links = type(links)(rows.ids[:2], rows.ids[2:4])
    with pytest.raises(OutputError, match="holds a search of another table") as caught:
        search_table(rows, plan=settings, into=into, asked=asked, links=links)
    assert "--into" in caught.value.fix
    assert {path.name: path.read_bytes() for path in into.iterdir() if path.is_file()} == before


def test_a_damaged_study_is_said_and_left(whole, tmp_path):
    shutil.copytree(whole[1], tmp_path / "search")
    (tmp_path / "search" / "study.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(OutputError, match="cannot be read"):
        search(tmp_path / "search")


def test_a_disk_that_fills_up_meanwhile_ends_in_one_message(tmp_path):
    from optuna.exceptions import StorageInternalError

    with (
        pytest.raises(OutputError, match="cannot be written to: database or disk is full") as told,
        opened(tmp_path / "search", "mark", "maximize", 0),
    ):
        raise StorageInternalError("An exception is raised.") from OSError("database or disk is full")
    assert "go on" in told.value.fix


def test_two_at_once_are_refused(whole, tmp_path):
    from filelock import FileLock

    shutil.copytree(whole[1], tmp_path / "search")
    with FileLock(tmp_path / "search" / "lock"), pytest.raises(OutputError, match="Another search"):
        search(tmp_path / "search")


def test_a_missing_optuna_is_said_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="graphtune search needs the extra 'search'"):
        search(tmp_path / "search")
    assert not list(tmp_path.iterdir())


def test_what_does_not_fit_in_memory_is_let_go_worst_first(tmp_path, monkeypatch):
    monkeypatch.setattr("graphtune.sweep.pool._KEPT_BYTES", 1)
    monkeypatch.setattr("graphtune.sweep.pool._KEPT", 3)
    pools = []
    real = Pool.best
    monkeypatch.setattr(Pool, "best", lambda self, *a, **s: pools.append(self) or real(self, *a, **s))
    found = search(tmp_path / "search")
    kept = pools[0].standing.tried.values()
    assert len(kept) == 3
    assert len(list((tmp_path / "search" / "held-out").glob("*.safetensors"))) == 3
    complete = sorted(one.value for one in found.trials if one.state == "complete")
    assert max(tried.likelihood for tried in kept) == pytest.approx(complete[2])


@pytest.mark.parametrize("wrong", [{"trials": 0}, {"trials": -3}, {"budget_seconds": 0.0}])
def test_what_leaves_nothing_to_do_is_refused(wrong):
    with pytest.raises(PlanError, match="leaves no"):
        Asked(**wrong)


def test_a_setting_is_given_up_where_it_trails_by_two_standard_errors():
    from graphtune.select.held_out import HeldOut, Part
    from graphtune.select.standing import Standing

    labels = np.zeros(100, dtype=np.int64)
    nodes = np.arange(100)
    parts = (Part(nodes, nodes, None, labels), Part(nodes, nodes, None, labels))
    standing = Standing(HeldOut(parts, 1, "", 2), few=False, parts=2)

    def with_right(count: int, rows: int):
        right = np.arange(rows) < count
        table = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9]).astype(np.float32)
        return standing.judged(Probe(strength=float(count)), table, 0.0)

    leader, judge = with_right(190, 200), Judge(standing, 0, 60.0, math.inf)
    # Of 100 rows the leader has all: a difference of d rows has a standard error of sqrt(d (1 - d / 100)).
    for wrong in (1, 2, 3, 4, 5, 8, 20):
        share = wrong / 100
        error = math.sqrt(share * (1 - share) / 100)
        assert judge.behind(with_right(100 - wrong, 100), leader) == (share > max(2 * error, 0.01))
    assert not judge.behind(with_right(0, 200), leader)
