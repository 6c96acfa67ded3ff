"""A fit that is tracked: what is told, and what no tracker may cost."""

import numpy as np
import pytest
from listening import Failing, Listening
from subjects import plan, table, texts

from graphtune.errors import TrainError
from graphtune.run import fit_table, load
from graphtune.run.tracked import settings_of


def test_a_fit_is_told_whole(tmp_path):
    told = Listening()
    model = fit_table(table(), plan=plan(), into=tmp_path / "model", trackers=(told,))
    whole, *candidates = told.runs
    assert not told.open
    assert {run["status"] for run in told.runs} == {"finished"}
    outcome = model.outcome
    assert whole["settings"] == settings_of(plan())
    assert whole["settings"]["graphs.0.builder.k"] == "5"
    assert whole["settings"]["seed"] == "0"
    assert whole["tags"]["verdict"] == outcome.verdict.text
    assert whole["tags"]["protocol"] == "inductive"
    assert whole["figures"]["test/accuracy"] == outcome.test.accuracy
    assert {f"seconds/{stage}" for stage in outcome.seconds} <= whole["figures"].keys()
    files = dict(whole["files"])
    assert files["report.html"] == (tmp_path / "model" / "report.html").read_text(encoding="utf-8")
    assert files["metrics.json"] == (tmp_path / "model" / "metrics.json").read_text(encoding="utf-8")
    assert [run["name"] for run in candidates] == [one.name for one in outcome.candidates]
    for run, one in zip(candidates, outcome.candidates, strict=True):
        assert run["figures"]["held_out/accuracy"] == one.accuracy
        assert run["figures"]["held_out/likelihood"] == one.likelihood
        assert run["figures"]["seconds"] == one.seconds


def test_a_failing_tracker_costs_a_warning_and_never_the_model(tmp_path):
    told = Listening()
    with pytest.warns(RuntimeWarning, match="no such server") as warned:
        model = fit_table(table(), plan=plan(), into=tmp_path / "model", trackers=(Failing(), told))
    assert len(warned) == 1
    assert told.runs[0]["status"] == "finished"
    every = texts()[0]
    assert np.array_equal(load(tmp_path / "model").probabilities(every), model.probabilities(every))


@pytest.mark.parametrize(
    ("error", "status"), [(TrainError("Too hot.", fix="cool it."), "failed"), (KeyboardInterrupt(), "killed")]
)
def test_a_fit_that_comes_to_no_model_is_told_so(error, status, monkeypatch):
    def fail(*_arguments, **_settings):
        raise error

    told = Listening()
    monkeypatch.setattr("graphtune.run.fit.choose", fail)
    with pytest.raises(type(error)):
        fit_table(table(), plan=plan(), into=None, trackers=(told,))
    (run,) = told.runs
    assert run["status"] == status
    assert run["tags"]["error"]
