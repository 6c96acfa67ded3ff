"""Fits whose candidates tune an encoder with a graph: evaluated, saved whole, and read in another process."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from graphtune.errors import PlanError
from graphtune.graph import Neighbours
from graphtune.plan import Plan
from graphtune.run import fit_table, load
from graphtune.run.saved import save
from graphtune.select import Coupled, Distilled, Mean, Mined, NamedGraph, Propagated, served
from graphtune.strategy import EM, Distil, GraphPairs, PseudoLabels, Staged
from text_tasks import table, tiny

ASKED = ["the red tree", "a cat on the mat", "ran"]
PAIRS = Mined(GraphPairs(rate=1e-3, epochs=2), blocks=1)
BUILT = Coupled(Staged(epochs=1, network_epochs=5), rebuilt=Neighbours(4), width=8, blocks=1)
CANDIDATES = [
    PAIRS,
    Mined(PseudoLabels(rate=1e-3, epochs=1), "meaning, sharp", blocks=1),
    BUILT,
    Coupled(EM(epochs=1, taught_epochs=1, network_epochs=5), width=8, blocks=1),
    Distilled(Distil(epochs=20)),
    Mean((Propagated(graph="meaning, sharp"), PAIRS), (1.5, 0.7)),
]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))


def plan(candidate) -> Plan:
    return Plan(encoder=tiny().name, candidates=(candidate,), exactly=True)


@pytest.mark.parametrize("candidate", CANDIDATES, ids=str)
def test_a_fit_evaluates_and_saves_it_whole(candidate, tmp_path):
    model = fit_table(table(), plan=plan(candidate), into=tmp_path / "model")
    assert model.outcome.test.rows == 24
    assert model.candidate == served(candidate)
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.probabilities(ASKED), model.probabilities(ASKED))
    assert again.candidate == served(candidate)
    # Texts and a graph are kept only where they are read again.
    assert (tmp_path / "model" / "graph").is_dir() == bool(served(candidate).graphs)
    assert Plan.read(tmp_path / "model" / "plan.toml").candidates == (candidate,)
    assert (tmp_path / "model" / "served.toml").is_file() == (candidate != served(candidate))


def test_the_plan_of_a_model_fits_it_again_teacher_and_all(tmp_path):
    model = fit_table(table(), plan=plan(PAIRS), into=tmp_path / "model")
    save(load(tmp_path / "model"), tmp_path / "copy")
    again = fit_table(table(), plan=Plan.read(tmp_path / "copy" / "plan.toml"), into=None)
    np.testing.assert_array_equal(again.probabilities(ASKED), model.probabilities(ASKED))


@pytest.mark.parametrize("candidate", [PAIRS, BUILT], ids=str)
def test_it_predicts_the_same_bits_in_another_process(candidate, tmp_path):
    model = fit_table(table(), plan=plan(candidate), into=tmp_path / "model")
    program = (
        "import sys, numpy as np, torch; torch.set_num_threads(int(sys.argv[2]));"
        "from pathlib import Path; from graphtune.run import load;"
        f"np.save(sys.argv[3], load(Path(sys.argv[1])).probabilities({ASKED!r}))"
    )
    where, threads = tmp_path / "there.npy", str(torch.get_num_threads())
    subprocess.run([sys.executable, "-c", program, tmp_path / "model", threads, where], check=True)
    np.testing.assert_array_equal(np.load(where), model.probabilities(ASKED))


def test_a_teachers_graph_that_is_not_there_is_told_before_any_work():
    with pytest.raises(PlanError, match="meaning") as told:
        replace(plan(PAIRS), graphs=(NamedGraph("mine", Neighbours(4)),))
    assert "mine" in told.value.fix
