"""Several labels a text through the command: fit, predict in every format, evaluate, and bad input."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from graphtune.cli.app import main
from labels_of_topics import rows

PLAN = """
encoder = "tfidf"
budget_seconds = 30

[[candidates]]
kind = "Probe"
"""


def _written(path: Path, mark: str, *, labelled: bool = True) -> Path:
    texts, labels = rows(100)
    split = ["train"] * 70 + ["test"] * 30
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "topics", "split"] if labelled else ["text"])
        for text, own, part in zip(texts, labels, split, strict=True):
            writer.writerow([text, mark.join(own) or mark, part] if labelled else [text])
    return path


@pytest.fixture(scope="module")
def fitted_topics(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("topics")
    (folder / "plan.toml").write_text(PLAN)
    path, model = _written(folder / "rows.csv", ";"), folder / "model"
    options = (
        "--label",
        "topics",
        "--separator",
        ";",
        "--plan",
        str(folder / "plan.toml"),
        "--into",
        str(model),
    )
    assert main(["fit", str(path), *options]) == 0
    return model


def test_the_report_speaks_of_micro_f1(tmp_path, capsys):
    path = _written(tmp_path / "rows.csv", "|")
    (tmp_path / "quick.toml").write_text(PLAN)
    assert (
        main(["fit", str(path), "--label", "topics", "--multi-label", "--plan", "quick.toml", "--into", "m"])
        == 0
    )
    out = capsys.readouterr().out
    assert "Micro-F1" in out
    assert "held-out micro-F1" in out
    for name in ("report.html", "README.md"):
        said = (tmp_path / "m" / name).read_text("utf-8")
        assert "micro-F1" in said
        assert "labelled right" not in said
    assert json.loads((tmp_path / "m/metrics.json").read_text())["measure"] == "micro-F1"


def test_labels_of_a_text_stand_in_one_cell(fitted_topics, tmp_path):
    new = _written(tmp_path / "new.csv", ";", labelled=False)
    for name in ("a.csv", "b.jsonl", "c.parquet"):
        assert main(["predict", str(fitted_topics), str(new), "--out", name, "--probabilities"]) == 0
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as stream:
        cells = list(csv.DictReader(stream))
    lists = [json.loads(line)["label"] for line in (tmp_path / "b.jsonl").read_text("utf-8").splitlines()]
    assert [cell["label"] for cell in cells] == [";".join(own) or ";" for own in lists]
    assert pq.read_table(tmp_path / "c.parquet")["label"].to_pylist() == lists
    assert list(cells[0]) == ["id", "label", "confidence", "p_bill", "p_parcel", "p_screen"]
    assert {len(own) for own in lists} >= {0, 1, 2}
    right = [own == truth for own, truth in zip(lists, rows(100)[1], strict=True)]
    assert sum(right) > 80


def test_what_was_predicted_can_be_read_as_labels_again(fitted_topics, tmp_path, capsys):
    new = _written(tmp_path / "new.csv", ";", labelled=False)
    assert main(["predict", str(fitted_topics), str(new), "--out", "told.csv"]) == 0
    with (tmp_path / "told.csv").open(encoding="utf-8", newline="") as stream:
        told = [row["label"] for row in csv.DictReader(stream)]
    with (tmp_path / "again.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["text", "label"], *zip(rows(100)[0], told, strict=True)])
    assert main(["evaluate", str(fitted_topics), "again.csv", "--out", "figures.json"]) == 0
    found = json.loads((tmp_path / "figures.json").read_text())
    assert found["accuracy"]["value"] == found["macro_f1"]["value"] == 1.0


def test_evaluate_finds_what_the_fit_found(fitted_topics, tmp_path, capsys):
    path = _written(tmp_path / "rows.csv", ";")
    assert (
        main(["evaluate", str(fitted_topics), str(path), "--label", "topics", "--out", "figures.json"]) == 0
    )
    found = json.loads((tmp_path / "figures.json").read_text())
    test = json.loads((fitted_topics / "metrics.json").read_text())["test"]
    assert found["measure"] == "micro-F1"
    assert found["accuracy"]["value"] == pytest.approx(test["accuracy"])
    assert found["macro_f1"]["value"] == pytest.approx(test["macro_f1"])
    assert found["ece"]["value"] is None
    out = capsys.readouterr().out
    assert "micro-F1" in out
    assert "calibration" not in out


def test_labels_never_seen_are_named_and_missed(fitted_topics, tmp_path, capsys):
    (tmp_path / "odd.csv").write_text(
        "text,label\nrefund money paid,bill;quite new\nparcel late door,parcel\n"
    )
    assert main(["evaluate", str(fitted_topics), "odd.csv", "--out", "figures.json"]) == 0
    found = json.loads((tmp_path / "figures.json").read_text())
    assert found["unseen"] == {"quite new": 1}
    assert {row["class"]: row["recall"] for row in found["per_class"]}["quite new"] == 0


def test_bad_tables_end_in_one_message(tmp_path, refused):
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + "".join(f"word {at},{'ab'[at % 2]}\n" for at in range(20)))
    problem, fix = refused("fit", path, "--multi-label", "--into", "new", folder=tmp_path)
    assert "no multi-label table" in problem
    assert "leave --multi-label out" in fix
    path.write_text("text,label\n" + "".join(f"word {at},{('a;b', 'b')[at % 2]}\n" for at in range(20)))
    problem, fix = refused("fit", path, "--multi-label", "--into", "new", folder=tmp_path)
    assert "--separator ';'" in fix
    problem, _ = refused("fit", path, "--separator", "", "--into", "new", folder=tmp_path)
    assert "separates nothing" in problem
    problem, _ = refused("fit", path, "--separator", ";", "--tune", "--into", "new", folder=tmp_path)
    assert "tune is set" in problem


def test_check_and_a_dry_run_read_the_same(tmp_path, capsys):
    path = _written(tmp_path / "rows.csv", ";")
    assert main(["check", str(path), "--label", "topics", "--separator", ";"]) == 0
    out = capsys.readouterr().out
    assert "3 classes" in out
    counts = {name: sum(name in own for own in rows(100)[1]) for name in ("bill", "parcel", "screen")}
    for name, count in counts.items():
        assert any(name in line and f" {count} " in line for line in out.splitlines())
    (tmp_path / "quick.toml").write_text(PLAN)
    options = ("--label", "topics", "--separator", ";", "--plan", "quick.toml", "--dry-run")
    assert main(["fit", str(path), *options]) == 0
    assert "nothing was fitted" in capsys.readouterr().out


def test_texts_of_no_class_are_no_question_there(fitted_topics, tmp_path, refused):
    new = _written(tmp_path / "new.csv", ";", labelled=False)
    problem, fix = refused("predict", fitted_topics, new, "--unknown", folder=tmp_path)
    assert "all labels that apply" in problem
    assert "leave --unknown out" in fix
