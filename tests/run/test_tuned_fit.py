"""A fit that goes on to tune the encoder, and a model that holds a tuned one."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from graphtune import TextClassifier
from graphtune.cli.app import main
from graphtune.encoder import Transformer
from graphtune.errors import PlanError
from graphtune.plan import Plan
from graphtune.run import fit_table, load
from graphtune.run.saved import save
from graphtune.select import Ladder, Mean, Probe, Taught, Tuned, served
from graphtune.select.decision import Tuning
from graphtune.select.search import Search
from graphtune.strategy import EncoderTuning, EveryExit, GraphTeacher, LoRA
from text_tasks import table, tiny

ASKED = ["the red tree", "a cat on the mat", "ran"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))


def plan(**settings) -> Plan:
    return Plan(encoder=tiny().name, budget_seconds=60.0, **settings)


@pytest.fixture
def rows_csv(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = table()
    lines = ["text,label,split"]
    for text, label, part in zip(rows.texts, rows.labels, rows.split, strict=True):
        lines.append(f"{text},{'' if label < 0 else rows.classes[label]},{part}")
    (tmp_path / "rows.csv").write_text("\n".join(lines), encoding="utf-8")


def test_time_is_kept_for_those_rows_alone_that_are_read_at_the_end(monkeypatch):
    kept = []

    def tuned(search, choice, teach, limits):
        kept.append(limits.judged_rows)
        return Tuning(choice)

    monkeypatch.setattr("graphtune.run.fit.tuned", tuned)
    rows = table()
    hidden = replace(rows, labels=np.where(np.array(rows.split) == "test", -1, rows.labels))
    asked = plan(tune=True, up_to="graph-free")
    for one in (rows, hidden):
        fit_table(one, plan=replace(asked, class_shares="labelled"), into=None)
    assert kept == [24, 0]
    # Texts without a label are read where they are enough to tell how frequent classes are.
    fit_table(hidden, plan=asked, into=None)
    assert kept[2] == 0
    monkeypatch.setattr("graphtune.run.class_shares.TEXTS_PER_CLASS", 5)
    fit_table(hidden, plan=asked, into=None)
    assert kept[3] == np.count_nonzero((rows.labels < 0) & (np.array(rows.split) == "train"))


@pytest.mark.usefixtures("rows_csv")
def test_the_command_goes_on_to_tune_and_says_what_came_of_it(tmp_path, monkeypatch, capsys):
    made = []

    def kept(*arguments, **settings):
        made.append(fit_table(*arguments, **settings))
        return made[0]

    monkeypatch.setattr("graphtune.run.fit.fit_table", kept)
    asked = ["fit", "rows.csv", "--encoder", tiny().name, "--tune", "--budget", "60s"]
    assert main([*asked, "--into", "model"]) == 0
    assert "encoder" in capsys.readouterr().err
    (model,) = made
    outcome = model.outcome
    assert outcome.seconds["tune"] > 0
    assert any("encoder" in note and "held-out rows" in note for note in outcome.notes)
    assert any(one.name == "encoder tuned (top 4 blocks, classes contrasted)" for one in outcome.candidates)
    assert outcome.test.accuracy > 0.8
    assert not any("2×64" in one.name for one in outcome.candidates)  # networks took its place
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.probabilities(ASKED), model.probabilities(ASKED))
    assert not again.plan.tune


@pytest.mark.usefixtures("rows_csv")
def test_the_command_estimates_it_and_refuses_what_cannot_be_tuned(capsys):
    assert main(["fit", "rows.csv", "--encoder", tiny().name, "--tune", "--dry-run"]) == 0
    assert "tune, at most" in capsys.readouterr().out
    assert main(["fit", "rows.csv", "--encoder", "tfidf", "--tune"]) == 2
    assert "no transformer" in capsys.readouterr().err
    assert Transformer(tiny().name).depth == 3


READING_BLOCKS = {
    "mean": Mean((Probe("meaning"), Tuned(1, EncoderTuning(rate=1e-3, epochs=3))), (1.5, 0.7)),
    "lora": Tuned(1, LoRA(rank=2, epochs=2)),
    "ladder": Ladder(width=8, strategy=EveryExit(epochs=5), patience=1),
}


def test_models_that_read_the_encoders_blocks_predict_the_same_bits_in_another_process(tmp_path):
    here = {}
    for name, chosen in READING_BLOCKS.items():
        asked = plan(candidates=(chosen,), exactly=True)
        here[name] = fit_table(table(), plan=asked, into=tmp_path / name).probabilities(ASKED)
        assert load(tmp_path / name).candidate == chosen
    program = (
        "import sys, numpy as np, torch; torch.set_num_threads(int(sys.argv[1]));"
        "from pathlib import Path; from graphtune.run import load;"
        f"[np.save(f'{{one}}.npy', load(Path(one)).probabilities({ASKED!r})) for one in sys.argv[2:]];"
        "assert 'peft' not in sys.modules"
    )
    import torch

    threads = str(torch.get_num_threads())
    subprocess.run([sys.executable, "-c", program, threads, *(tmp_path / name for name in here)], check=True)
    for name, expected in here.items():
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), expected)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Return a model whose encoder serves alone, and where it lies."""
    into = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GRAPHTUNE_CACHE", str(into / "cache"))
        asked = plan(tune=True, serve_as="encoder")
        return fit_table(table(), plan=asked, into=into / "model"), into / "model"


def test_an_encoder_that_serves_alone_is_a_directory_of_its_own(alone, tmp_path):
    model, place = alone
    assert not model.candidate.graphs
    assert "as was asked for" in model.outcome.verdict.text
    again = load(place)
    np.testing.assert_array_equal(again.probabilities(ASKED), model.probabilities(ASKED))
    assert not (place / "graph").exists()
    assert (place / "model.safetensors").stat().st_size < 10_000
    own = Transformer(str(place / "encoder"))  # at the precision of this machine, as in the model
    rows, head = own.encode(ASKED), again.predictor.head
    np.testing.assert_allclose(head.probabilities(rows), again.predictor.probabilities(ASKED), atol=1e-5)
    save(again, tmp_path / "copy")
    moved = tmp_path / "moved"
    (tmp_path / "copy").rename(moved)
    np.testing.assert_array_equal(load(moved).probabilities(ASKED), model.probabilities(ASKED))


def test_an_encoder_that_learned_from_a_teacher_serves_without_the_graph(alone, tmp_path):
    assert any("of all texts" in note for note in alone[0].outcome.notes)
    taught = Taught(blocks=1, strategy=GraphTeacher(rate=1e-3, epochs=3))
    asked = plan(candidates=(taught,), exactly=True)
    model = fit_table(table(), plan=asked, into=tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.candidate == served(taught)
    np.testing.assert_array_equal(again.probabilities(ASKED), model.probabilities(ASKED))


def test_a_graph_is_used_where_that_is_asked_for_and_by_default_nothing_is_tuned():
    model = fit_table(table(), plan=plan(serve_as="graph", up_to="graph"), into=None)
    assert model.candidate.graphs
    assert model.outcome.verdict.graph_helps
    assert "tune" not in model.outcome.seconds
    assert not any("encoder tuned" in one.name for one in model.outcome.candidates)


def test_no_encoder_is_saved_that_there_was_no_time_to_tune(tmp_path):
    asked = replace(plan(tune=True, serve_as="encoder"), budget_seconds=0.5)
    with pytest.raises(PlanError, match="no time") as told:
        fit_table(table(), plan=asked, into=tmp_path / "model")
    assert "--budget 2s" in told.value.fix
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"serve_as": "encoder"}, "tune = false"),
        ({"serve_as": "graph", "candidates": (Probe(),)}, "names candidates"),
    ],
)
def test_what_cannot_be_served_is_told_before_any_work(settings, problem):
    with pytest.raises(PlanError, match=problem):
        Plan(**settings)


def test_time_that_tuning_has_no_use_for_goes_to_the_search(monkeypatch):
    def late(search, choice, teach, limits):
        search.left_out.append(Probe("words", 7.0))
        return Tuning(choice).lacking("there was no time")

    asked = []
    monkeypatch.setattr("graphtune.run.fit.tuned", late)
    monkeypatch.setattr(Search, "go_on", lambda self, *_, **more: asked.append(more))
    fit_table(table(), plan=plan(tune=True, up_to="graph-free"), into=None)
    assert asked == [{"up_to": "graph-free", "start": None}]


def test_the_time_it_has_is_kept(tmp_path):
    outcome = fit_table(table(), plan=replace(plan(tune=True), budget_seconds=0.5), into=None).outcome
    assert any("no time" in note for note in outcome.notes)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"encoder": "tfidf"}, "is no transformer"),
        ({"encoder": "static"}, "is no transformer"),
        ({"candidates": (Probe(),)}, "names candidates"),
    ],
)
def test_what_cannot_be_tuned_is_told_before_any_work(settings, problem):
    with pytest.raises(PlanError, match=problem):
        Plan(**{"tune": True, **settings})


@pytest.mark.parametrize(
    ("encoder", "settings", "expected"),
    [
        ("minilm", {}, False),
        ("minilm", {"budget": "30s"}, True),
        ("minilm", {"budget": "30s", "tune": False}, False),
        ("minilm", {"tune": True}, True),
        ("minilm", {"serve_as": "encoder"}, True),
        ("tfidf", {"budget": "30s"}, False),
        ("static", {"budget": "30s"}, False),
    ],
)
def test_the_encoder_is_tuned_where_its_time_is_given(encoder, settings, expected):
    assert TextClassifier(encoder, **settings)._plan().tune is expected
