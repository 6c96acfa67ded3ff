"""A search that is tracked: one run, and one nested in it for each trial."""

import pytest
from listening import Failing, Listening
from subjects import table

from graphtune.plan import Plan
from graphtune.select import grid
from graphtune.sweep import Asked, search_table
from graphtune.sweep.judge import Judge

PLAN = Plan(encoder="tfidf")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("graphtune.select.held_out._REPEATED_BELOW", 0)
    real = grid.propagated
    monkeypatch.setattr(grid, "propagated", lambda named, **said: real(named, **said)[:1])


def search(into, *trackers):
    asked = Asked(2, 60.0, "linear")
    return search_table(table(), plan=PLAN, into=into, asked=asked, trackers=trackers)


def test_every_trial_is_told(tmp_path):
    told = Listening()
    with pytest.warns(RuntimeWarning, match="no such server") as warned:
        found = search(tmp_path / "search", Failing(), told)
    assert len(warned) == 1
    whole, *trials = told.runs
    assert whole["status"] == "finished"
    assert whole["settings"]["trials"] == "2"
    assert whole["figures"]["best/likelihood"] == found.best.likelihood
    assert [name for name, _ in whole["files"]] == ["plan.toml", "trials.csv", "search.json"]
    assert [run["name"] for run in trials] == [f"trial {one.number}" for one in found.trials]
    for run, one in zip(trials, found.trials, strict=True):
        assert run["tags"]["state"] == one.state
        assert run["figures"]["held_out/accuracy"] == one.accuracy
        assert run["settings"] == {name: str(value) for name, value in one.settings.items()}


def test_what_goes_on_is_told_from_there_and_what_is_stopped_as_killed(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    told = Listening()
    with monkeypatch.context() as patched:
        patched.setattr(Judge, "judge", stop)
        with pytest.raises(KeyboardInterrupt):
            search(tmp_path / "search", told)
    assert [run["status"] for run in told.runs] == ["killed"]
    search(tmp_path / "search")
    again = Listening()
    search(tmp_path / "search", again)
    assert [run["name"] for run in again.runs] == ["search"]
