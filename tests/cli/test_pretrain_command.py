"""``graphtune pretrain`` and ``graphtune fit --from``: what they leave, and how every bad input ends."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file
from small_table import COLUMNS, metrics, rows, write_csv

from graphtune.cli.app import main
from graphtune.errors import ModelError
from graphtune.initial import Pretrained
from graphtune.plan import Plan
from graphtune.run import fingerprint as fingerprint_module
from graphtune.run.classifier import TextClassifier
from graphtune.run.started import pretrained_of
from graphtune.select import Mean, Network, Probe, Smoothed, grid
from graphtune.train.phase_loop import PhaseLoop
from tiny_bert import write_tiny_bert

TEXTS = ("--text", "النص", "--id", "编号")
SMALL = ("--width", "8", "--depth", "1", "--epochs", "4", "--encoder", "bert")


@pytest.fixture(autouse=True)
def bert(tmp_path) -> Path:
    write_tiny_bert(tmp_path / "bert")
    return tmp_path / "bert"


@pytest.fixture
def quick(monkeypatch) -> None:
    """Leave little for a fit to try."""
    monkeypatch.setattr("graphtune.select.held_out._REPEATED_BELOW", 0)
    real = grid.propagated
    monkeypatch.setattr(grid, "propagated", lambda named, **said: real(named, **said)[:2])
    monkeypatch.setattr(grid, "networks", lambda graph, view, few: [])


def pretrained(table, *more: str) -> int:
    return main(["pretrain", str(table), *TEXTS, *SMALL, "--into", "made", *more])


def test_it_leaves_a_network_and_says_how_to_use_it(table, tmp_path, capsys):
    assert pretrained(table) == 0
    out, err = capsys.readouterr()
    facts = json.loads((tmp_path / "made" / "pretrained.json").read_text())
    assert (facts["layer"], facts["width"], facts["depth"], facts["inputs"]) == ("GCN", 8, 1, 32)
    assert facts["objective"].startswith("GraphMAE(")
    assert facts["texts"] == 42  # without the test rows
    assert "on 42 texts; loss" in out
    assert "use it: graphtune fit TABLE --encoder bert --from made" in out
    assert "split = 'split'" in err
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []
    assert load_file(tmp_path / "made" / "layers.safetensors")["0.weight.weight"].shape == (8, 32)


@pytest.mark.parametrize("objective", ["dgi", "gae", "vgae", "graph-cl", "masked-edges", "masking"])
def test_every_objective_can_be_asked_for(objective, table, tmp_path):
    assert pretrained(table, "--objective", objective, "--layer", "sage") == 0
    facts = json.loads((tmp_path / "made" / "pretrained.json").read_text())
    assert facts["objective"].partition("(")[0].lower() == objective.replace("-", "")
    assert facts["layer"] == "SAGE"


def test_labels_change_nothing_and_need_not_be_there(table, tmp_path):
    assert pretrained(table) == 0
    before = (tmp_path / "made" / "layers.safetensors").read_bytes()
    write_csv(tmp_path / "bare.csv", [{k: v for k, v in row.items() if k != "标签"} for row in rows()])
    write_csv(tmp_path / "odd.csv", [row | {"标签": "only"} for row in rows()])
    for name in ("bare.csv", "odd.csv"):
        assert pretrained(tmp_path / name) == 0
        assert (tmp_path / "made" / "layers.safetensors").read_bytes() == before
    assert pretrained(table, "--seed", "1") == 0
    assert (tmp_path / "made" / "layers.safetensors").read_bytes() != before


def test_edges_are_the_graph_where_they_are_given(table, tmp_path):
    ids = [row["编号"] for row in rows()]
    write_csv(tmp_path / "edges.csv", [{"source": a, "target": ids[0]} for a in ids[1:]])
    assert pretrained(table) == 0
    before = (tmp_path / "made" / "layers.safetensors").read_bytes()
    assert pretrained(table, "--edges", "edges.csv") == 0
    assert (tmp_path / "made" / "layers.safetensors").read_bytes() != before


def test_a_killed_pre_training_goes_on_to_the_same_weights(table, tmp_path, monkeypatch):
    assert pretrained(table) == 0
    whole = (tmp_path / "made" / "layers.safetensors").read_bytes()
    real, steps = PhaseLoop._step, []

    def dying(self, batch, number):
        steps.append(number)
        if len(steps) == 3:
            self._save()
            raise KeyboardInterrupt
        return real(self, batch, number)

    monkeypatch.setattr(PhaseLoop, "_step", dying)
    (tmp_path / "made" / "mark.txt").write_text("still the old one")
    assert pretrained(table) == 130
    assert (tmp_path / "made" / "mark.txt").is_file()
    assert (tmp_path / ".made.graphtune-pretrain").is_dir()
    assert pretrained(table, "--resume") == 0
    assert len(steps) == 3 + 2  # two of four epochs were done before
    assert (tmp_path / "made" / "layers.safetensors").read_bytes() == whole
    assert not (tmp_path / ".made.graphtune-pretrain").exists()


def fitted_from(table) -> int:
    asked = [
        "fit",
        str(table),
        *COLUMNS,
        "--encoder",
        "bert",
        "--frozen",
        "--from",
        "made",
        "--into",
        "model",
    ]
    return main(asked)


def test_a_fit_tries_what_starts_from_it_and_the_model_does_not_need_it(table, tmp_path, quick, capsys):
    assert pretrained(table, "--layer", "sage") == 0
    assert fitted_from(table) == 0
    found = metrics(tmp_path / "model")
    names = [one["name"] for one in found["candidates"]]
    assert names.count("SAGE(meaning over meaning, 1×8, Pretrained start)") == 1
    assert not any("judge" in note for note in found["notes"])
    assert "one more network will be tried: 1 SAGE of width 8" in capsys.readouterr().err


ALONE = """
encoder = "bert"
exactly = true
[[graphs]]
name = "meaning"
builder = { kind = "Neighbours", k = 5 }
[[candidates]]
kind = "Network"
width = 8
depth = 1
initial = { kind = "Pretrained", directory = "made" }
"""


def test_a_plan_can_ask_for_it_alone_and_predicts_without_the_directory(table, tmp_path):
    assert pretrained(table) == 0
    (tmp_path / "plan.toml").write_text(ALONE)
    assert main(["fit", str(table), *COLUMNS, "--plan", "plan.toml", "--into", "model"]) == 0
    (tmp_path / "made").rename(tmp_path / "elsewhere")
    assert main(["predict", "model", str(table), "--id", "编号", "--out", "out.jsonl"]) == 0
    assert len((tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()) == 63


def test_a_fit_says_when_texts_that_judge_were_seen(table, tmp_path, quick, capsys):
    bare = [{"编号": row["编号"], "النص": row["النص"]} for row in rows()]
    write_csv(tmp_path / "texts.csv", bare)
    assert pretrained(tmp_path / "texts.csv") == 0
    assert fitted_from(table) == 0
    assert "was pre-trained on 21 of the 21 texts that judge" in capsys.readouterr().err
    assert any("texts that judge" in note for note in metrics(tmp_path / "model")["notes"])


def test_a_candidate_of_a_plan_says_so_too_wherever_it_stands(table, tmp_path, capsys):
    write_csv(tmp_path / "texts.csv", [{"编号": row["编号"], "النص": row["النص"]} for row in rows()])
    assert pretrained(tmp_path / "texts.csv") == 0
    (tmp_path / "plan.toml").write_text(ALONE)
    asked = ["fit", str(table), *COLUMNS, "--plan", "plan.toml", "--into", "model"]
    assert main(asked) == 0
    assert "was pre-trained on 21 of the 21 texts that judge" in capsys.readouterr().err
    assert any("texts that judge" in note for note in metrics(tmp_path / "model")["notes"])
    network = Network(initial=Pretrained("one"))
    plan = Plan(candidates=(Mean((Smoothed(network, "meaning"), Probe())), replace(network, width=8)))
    assert pretrained_of(plan) == (Pretrained("one"),)
    assert pretrained_of(Plan(start="two")) == (Pretrained("two"),)


def test_a_candidates_directory_is_a_part_of_what_a_resume_compares(table, tmp_path, monkeypatch):
    assert pretrained(table) == 0
    (tmp_path / "plan.toml").write_text(ALONE)
    prints = []
    real = fingerprint_module.fingerprint
    monkeypatch.setattr(
        "graphtune.run.fit.fingerprint", lambda *given: prints.append(real(*given)) or prints[-1]
    )
    asked = ["fit", str(table), *COLUMNS, "--plan", "plan.toml", "--into", "model"]
    assert main(asked) == main(asked) == 0
    assert pretrained(table, "--seed", "1") == 0
    assert main(asked) == 0
    assert prints[0] == prints[1] != prints[2]


def test_a_candidates_directory_is_looked_at_before_any_work(table, tmp_path, refused):
    (tmp_path / "plan.toml").write_text(ALONE)
    problem, _ = refused("fit", table, *COLUMNS, "--plan", "plan.toml", folder=tmp_path)
    assert "made holds no pre-trained network" in problem


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--encoder", "tfidf"], "tfidf counts the words of each table anew"),
        (["--encoder", "./nowhere"], "nowhere"),
        (["--layer", "gat", "--width", "7"], "7"),
        (["--edges", "no.csv"], "no.csv does not exist"),
        (["--text", "absent"], "no column 'absent'"),
        (["--into", "rows.csv"], "rows.csv is a file"),
        (["--into", "full"], "full has files in it that are no pre-trained network"),
    ],
)
def test_bad_options_are_refused(more, said, table, tmp_path, refused):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep me")
    problem, fix = refused("pretrain", table, *TEXTS, *SMALL, *more, folder=tmp_path)
    assert said in problem
    assert fix.strip()


@pytest.mark.parametrize("more", [["--width", "0"], ["--depth", "0"], ["--epochs", "0"], ["--layer", "mlp"]])
def test_values_out_of_range_end_with_usage(more, table, capsys):
    assert pretrained(table, *more) == 2
    assert "Usage: graphtune pretrain" in capsys.readouterr().err


def test_a_table_without_training_rows_is_refused(tmp_path, refused):
    write_csv(tmp_path / "rows.csv", [row | {"split": "test"} for row in rows()])
    problem, _ = refused("pretrain", "rows.csv", *TEXTS, *SMALL, folder=tmp_path)
    assert "No row is for training" in problem


def test_an_interrupted_pre_training_of_another_width_is_not_gone_on_with(
    table, tmp_path, monkeypatch, capsys
):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PhaseLoop, "_step", interrupted)
        assert pretrained(table) == 130
    assert pretrained(table, "--width", "4", "--resume") == 2
    assert "belongs to another training" in capsys.readouterr().err


def test_a_fit_refuses_what_it_cannot_start_from(table, tmp_path, refused, capsys):
    fit = ("fit", table, *COLUMNS, "--frozen")
    problem, fix = refused(*fit, "--from", "nowhere", folder=tmp_path)
    assert "nowhere holds no pre-trained network: it is no directory" in problem
    assert "graphtune pretrain" in fix
    assert pretrained(table) == 0
    capsys.readouterr()
    problem, fix = refused(*fit, "--from", "made", "--encoder", "tfidf", folder=tmp_path)
    assert "was pre-trained on rows of the encoder bert" in problem
    assert "use the encoder bert" in fix
    problem, _ = refused(*fit, "--from", "made", "--plan", "quick.toml", folder=tmp_path)
    assert "the plan names candidates" in problem
    problem, _ = refused(*fit, "--from", "made", "--encoder", "bert", "--multi-label", folder=tmp_path)
    assert "several labels" in problem
    (tmp_path / "made" / "layers.safetensors").write_bytes(b"spoiled")
    problem, _ = refused(*fit, "--from", "made", "--encoder", "bert", folder=tmp_path)
    assert "layers.safetensors was altered" in problem


def test_a_dry_run_counts_it_in_and_refuses_what_a_fit_refuses(table, tmp_path, refused, capsys):
    assert pretrained(table) == 0
    fit = ("fit", table, *COLUMNS, "--frozen", "--from", "made", "--dry-run")
    assert main([*map(str, fit), "--encoder", "bert"]) == 0
    assert "nothing was fitted or written" in capsys.readouterr().out
    problem, fix = refused(*fit, "--encoder", "tfidf", folder=tmp_path)
    assert "was pre-trained on rows of the encoder bert" in problem
    assert "use the encoder bert" in fix
    (tmp_path / "plan.toml").write_text(ALONE.replace("made", "nowhere"))
    problem, _ = refused("fit", table, *COLUMNS, "--plan", "plan.toml", "--dry-run", folder=tmp_path)
    assert "nowhere holds no pre-trained network" in problem


def test_a_classifier_starts_from_it_too(table, tmp_path, quick):
    assert pretrained(table) == 0
    found = [(row["النص"], row["标签"]) for row in rows() if row["标签"]]
    model = TextClassifier("bert", tune=False, start=tmp_path / "made").fit(*zip(*found, strict=True))
    names = [one.name for one in model.outcome_.candidates]
    assert names.count("GCN(meaning over meaning, 1×8, Pretrained start)") == 1
    model.save(tmp_path / "saved")
    (tmp_path / "made").rename(tmp_path / "elsewhere")
    again = TextClassifier.load(tmp_path / "saved")
    assert (again.predict(["parcel courier"]) == model.predict(["parcel courier"])).all()
    with pytest.raises(ModelError, match="nowhere holds no pre-trained network"):
        TextClassifier("bert", start="nowhere").fit(*zip(*found, strict=True))
