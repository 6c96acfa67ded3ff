"""An interrupted fit goes on where it stopped, to the same model."""

from pathlib import Path

import numpy as np
import pytest
from subjects import plan, table, texts

from graphtune.graph import Hops
from graphtune.run import fit_table
from graphtune.select import Network, Probe, Propagated, Smoothed
from graphtune.select.held_out import Part
from graphtune.strategy import Full

EVERY = texts()[0]
PLAN = plan(
    Probe(),
    Probe("words"),
    Propagated("meaning", "meaning"),
    Propagated("meaning", "meaning", strength=0.1),
    Smoothed(Probe(), "meaning", Hops(4, 0.3)),
    Network(strategy=Full(epochs=4), width=8),
)


@pytest.fixture
def judged(monkeypatch) -> list:
    """Return what has been asked of the folds so far; at entry ``stop[0]`` the fit is interrupted."""
    calls, inside = [], Part.predict

    def predict(self, candidate, data, seed):
        if len(calls) == stop[0]:
            raise KeyboardInterrupt
        calls.append(candidate)
        return inside(self, candidate, data, seed)

    stop = [-1]
    monkeypatch.setattr(Part, "predict", predict)
    return [calls, stop]


def entries(folder: Path) -> int:
    return len(list((folder / ".model.graphtune-resume").glob("*.safetensors")))


def test_goes_on_after_an_interrupt(judged, tmp_path):
    calls, stop = judged
    whole = fit_table(table(), plan=PLAN, into=tmp_path / "whole" / "model")
    every = list(calls)
    stop[0] = 3 * 12 + 4  # four folds into the fourth candidate
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        fit_table(table(), plan=PLAN, into=tmp_path / "model")
    assert not (tmp_path / "model").exists()
    assert entries(tmp_path) == 3
    stop[0] = -1
    begun = set(calls[:36])
    calls.clear()
    model = fit_table(table(), plan=PLAN, into=tmp_path / "model", resume=True)
    assert calls == [candidate for candidate in every if candidate not in begun]
    assert model.candidate == whole.candidate
    assert model.calibration == whole.calibration
    assert model.outcome.verdict == whole.outcome.verdict
    assert np.array_equal(model.probabilities(EVERY), whole.probabilities(EVERY))
    assert not (tmp_path / ".model.graphtune-resume").exists()


@pytest.mark.parametrize("change", ["no resume", "another seed", "another table", "another version"])
def test_begins_anew_where_it_must(judged, tmp_path, change, monkeypatch):
    calls, stop = judged
    stop[0] = 30
    with pytest.raises(KeyboardInterrupt):
        fit_table(table(), plan=PLAN, into=tmp_path / "model")
    asked = plan(Probe(), seed=1) if change == "another seed" else plan(Probe())
    if change != "another seed":
        asked = PLAN
    rows = table(seed=1) if change == "another table" else table()
    if change == "another version":
        monkeypatch.setattr("graphtune.__version__", "0.0.0")
    calls.clear()
    stop[0] = 1
    with pytest.raises(KeyboardInterrupt):
        fit_table(rows, plan=asked, into=tmp_path / "model", resume=change != "no resume")
    assert calls == [Probe()]


def test_another_budget_is_no_other_fit(judged, tmp_path):
    calls, stop = judged
    stop[0] = 30
    with pytest.raises(KeyboardInterrupt):
        fit_table(table(), plan=PLAN, into=tmp_path / "model")
    calls.clear()
    stop[0] = 0
    more = plan(*PLAN.candidates, budget_seconds=90.0)
    with pytest.raises(KeyboardInterrupt):
        fit_table(table(), plan=more, into=tmp_path / "model", resume=True)
    assert entries(tmp_path) == 2


def test_an_entry_that_was_cut_short_is_made_again(judged, tmp_path):
    calls, stop = judged
    stop[0] = 30
    with pytest.raises(KeyboardInterrupt):
        fit_table(table(), plan=PLAN, into=tmp_path / "model")
    for path in (tmp_path / ".model.graphtune-resume").glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-9])
    calls.clear()
    stop[0] = -1
    model = fit_table(table(), plan=PLAN, into=tmp_path / "model", resume=True)
    assert calls.count(Probe()) == 12
    assert np.array_equal(
        model.probabilities(EVERY), fit_table(table(), plan=PLAN, into=None).probabilities(EVERY)
    )
