"""``graphtune evaluate``: figures with intervals, and labels the model does not know."""

import json

import numpy as np
import pytest
from damages import DAMAGES, each_damaged
from sklearn.metrics import accuracy_score, f1_score
from small_table import COLUMNS, metrics, rows, write_csv
from test_check import BAD, BAD_LINES

from graphtune.cli.app import main
from graphtune.cli.evaluate import judged
from graphtune.metric import expected_calibration_error

NAMES = COLUMNS[:4]
CASES = ("empty file", "header only", "no label column", "all labels empty", "bytes of latin-1", "ragged row")
CASES += ("a 10-MB text", "NUL bytes", "duplicate ids", "bad bytes in a label", "two columns of one name")


def _evaluated(capsys, *arguments):
    assert main(["evaluate", *map(str, arguments), "--out", "figures.json"]) == 0
    out, err = capsys.readouterr()
    with open("figures.json", encoding="utf-8") as stream:  # noqa: PTH123
        return out, err, json.load(stream)


def test_it_finds_what_the_fit_found(model, table, capsys):
    out, err, found = _evaluated(capsys, model, table, *NAMES)
    test = metrics(model)["test"]
    assert found["rows"] == 21
    assert found["accuracy"]["value"] == pytest.approx(test["accuracy"], abs=1e-9)
    assert found["macro_f1"]["value"] == pytest.approx(test["macro_f1"], abs=1e-9)
    assert found["ece"]["value"] == pytest.approx(test["ece"], abs=1e-4)
    assert found["accuracy"]["low"] <= found["accuracy"]["value"] <= found["accuracy"]["high"]
    assert "judged on the rows whose split is test" in err
    assert f"{test['accuracy']:.1%}" in out
    assert "<b>login</b>" in out


def test_rows_without_a_label_are_skipped_and_said(model, table, capsys):
    out, err, found = _evaluated(capsys, model, table, *NAMES, "--rows", "all")
    assert (found["rows"], found["skipped"]) == (30, 33)
    assert "33 rows without a label skipped" in err
    assert "30 labelled rows, 33 without a label skipped" in out


def test_labels_that_training_never_saw_count_as_errors_and_are_named(model, tmp_path, capsys):
    table = [{"النص": row["النص"], "标签": row["标签"]} for row in rows() if row["split"] == "test"]
    _, _, before = _evaluated(capsys, model, write_csv(tmp_path / "all.csv", table), *NAMES)
    table += [{"النص": "something else", "标签": "[neu]"}] * 3 + [{"النص": "and more", "标签": "другое"}]
    out, _, found = _evaluated(capsys, model, write_csv(tmp_path / "more.csv", table), *NAMES)
    assert found["unseen"] == {"[neu]": 3, "другое": 1}
    assert found["accuracy"]["value"] == pytest.approx(before["accuracy"]["value"] * 21 / 25)
    assert "4 rows have labels that training never saw, counted as errors: '[neu]' (3), 'другое' (1)" in out
    assert {row["class"]: row["f1"] for row in found["per_class"]}["[neu]"] == 0


def test_figures_equal_those_of_scikit_learn():
    generator = np.random.default_rng(3)
    classes = ("a", "b", "c", "d")
    probabilities = generator.dirichlet([0.5] * 4, 200).astype(np.float32)
    labels = [str(name) for name in generator.choice(["a", "b", "c", "never"], 200)]
    found = judged(probabilities, labels, classes, skipped=7)
    predicted = [classes[at] for at in probabilities.argmax(axis=1)]
    assert found.accuracy.value == pytest.approx(accuracy_score(labels, predicted))
    assert found.macro_f1.value == pytest.approx(f1_score(labels, predicted, average="macro"))
    numbers = np.array([classes.index(label) if label in classes else -1 for label in labels])
    assert found.ece.value == pytest.approx(expected_calibration_error(probabilities, numbers), abs=1e-6)
    assert found.ece.low <= found.ece.high
    assert [row["class"] for row in found.per_class] == ["a", "b", "c", "d", "never"]
    assert sum(row["support"] for row in found.per_class) == 200


def test_a_class_that_neither_occurs_nor_is_predicted_is_left_out():
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]], np.float32)
    found = judged(probabilities, ["a", "a"], ("a", "b", "c"), skipped=0)
    assert [row["class"] for row in found.per_class] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "case"), [*(("rows.csv", case) for case in CASES), *(("rows.jsonl", case) for case in BAD_LINES)]
)
def test_a_bad_table_is_refused_with_its_fix(name, case, model, tmp_path, refused):
    content, problem, fix = (BAD | BAD_LINES)[case]
    (tmp_path / name).write_bytes(content)
    said = refused("evaluate", model, name, "--out", "figures.json", folder=tmp_path)
    assert problem in said[0]
    assert fix in said[1]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("no.csv",), "no.csv does not exist"),
        ((".",), "is a directory"),
        (("rows.csv", "--label", "标签标"), "no column '标签标' for the label"),
        (("rows.csv", *NAMES, "--edges", "no.csv"), "no.csv does not exist"),
        (("rows.csv", *COLUMNS, "--edges", "edges.csv"), "row 1: 'nobody'"),
        (("rows.csv", *NAMES, "--rows", "val"), "none of its 0 val rows has a label"),
        (("rows.csv", *NAMES, "--out", "figures.csv"), "does not end in .json"),
        (("rows.csv", *NAMES, "--out", "rows.csv/figures.json"), "is a file, not a folder"),
    ],
)
def test_a_bad_argument_is_refused(arguments, problem, model, table, tmp_path, refused):
    (tmp_path / "edges.csv").write_text("source,target\nر0😀,nobody\n", encoding="utf-8")
    assert problem in refused("evaluate", model, *arguments, folder=tmp_path)[0]


def test_a_missing_model_is_refused(table, tmp_path, refused):
    problem, fix = refused("evaluate", "nowhere", table, folder=tmp_path)
    assert "nowhere" in problem
    assert fix.strip()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_model_with_a_damaged_file_is_refused(damage, model, table, tmp_path, refused):
    for path in each_damaged(model, damage):
        problem, fix = refused("evaluate", model, table, *NAMES, "--out", "figures.json", folder=tmp_path)
        assert path.name in problem
        assert fix.strip()


def test_labels_never_seen_are_of_no_class_where_that_is_asked(model, tmp_path, capsys):
    table = [{"النص": row["النص"], "标签": row["标签"]} for row in rows() if row["split"] == "test"]
    table += [{"النص": f"zebra xylophone {at}", "标签": f"neu {at % 2}"} for at in range(4)]
    path = write_csv(tmp_path / "more.csv", table)
    out, err, found = _evaluated(capsys, model, path, *NAMES, "--unknown")
    told = found["unknown"]
    assert (told["known"], told["unknown"]) == (21, 4)
    assert told["auroc"] == 1.0
    assert told["recall"] == 1.0
    assert found["unseen"] == {}
    right = told["accuracy_kept"] * 21 + told["recall"] * 4
    assert found["accuracy"]["value"] == pytest.approx(right / 25)
    assert {row["class"]: row["recall"] for row in found["per_class"]}["unknown"] == 1.0
    assert "AUROC" in out
    assert "keep theirs" in err


def test_without_rows_of_no_class_only_the_share_kept_is_told(model, table, capsys):
    out, _, found = _evaluated(capsys, model, table, *NAMES, "--unknown")
    assert found["unknown"]["unknown"] == 0
    assert "known rows kept" in out
    assert "AUROC" not in out
