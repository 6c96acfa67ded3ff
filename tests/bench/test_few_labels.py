import json

import pytest

import few_labels
from graphtune.plan import Plan
from graphtune.table import from_lists

CLASSES = {"refund": ("money", "paid", "bill"), "login": ("password", "code", "locked")}


@pytest.fixture(scope="module")
def source():
    """A table of 30 labelled training rows of two classes, and rows that are none."""
    rows = [
        (f"{words[at % 3]} {words[at % 2]} number {at}", label, part)
        for label, words in CLASSES.items()
        for part, count in (("train", 15), ("val", 4), ("test", 4))
        for at in range(count)
    ]
    rows += [(f"what {at}", "oos", "train") for at in range(5)]
    rows += [(f"unknown {at}", None, "train") for at in range(6)]
    texts, labels, parts = zip(*rows, strict=True)
    ids = [f"{part} {label} {at}" for at, (label, part) in enumerate(zip(labels, parts, strict=True))]
    return from_lists(texts, labels, ids, parts)


def test_a_draw_holds_nothing_but_labelled_training_rows(source):
    drawn = few_labels.few(source, 3, seed=7)
    assert len(drawn) == 30
    assert set(drawn.ids) == {name for name in source.ids if name.startswith(("train refund", "train login"))}
    assert drawn.classes == ("login", "refund")


def test_a_draw_labels_so_many_of_a_class_and_the_rows_kept_apart(source):
    drawn = few_labels.few(source, 3, seed=7)
    known = {part: [] for part in ("train", "test")}
    for name, part, label in zip(drawn.ids, drawn.split, drawn.labels, strict=True):
        if label >= 0:
            known[part].append(drawn.classes[label])
            assert name.startswith(f"train {drawn.classes[label]} ")
    assert sorted(known["train"]) == ["login"] * 3 + ["refund"] * 3
    assert len(known["test"]) == drawn.split.count("test") == 10
    assert drawn.split.count("train") == 20


def test_the_seed_decides_a_draw(source):
    first, again, other = (few_labels.few(source, 3, seed) for seed in (7, 7, 8))
    assert (first.ids, first.labels.tolist()) == (again.ids, again.labels.tolist())
    assert first.ids != other.ids


def test_a_result_is_written_for_each_data_set(source, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(few_labels.protocols, "read", lambda protocol, seed: (source, None))
    monkeypatch.setattr(few_labels, "Plan", lambda seed: Plan(encoder="tfidf", budget_seconds=0.1, seed=seed))
    few_labels.run(tmp_path, ("cr",))
    result = json.loads((tmp_path / "few_labels/cr.json").read_text())
    assert [draw["seed"] for draw in result["draws"]] == list(few_labels.SEEDS)
    assert {draw["rows"]["test"] for draw in result["draws"]} == {10}
    assert {draw["classes_weighted"] for draw in result["draws"]} == {False}
    assert capsys.readouterr().out.count("graph used") == 2


def test_data_sets_that_are_not_known_are_refused(capsys):
    with pytest.raises(SystemExit):
        few_labels.main(["r9"])
    assert "invalid choice: 'r9'" in capsys.readouterr().err


def test_without_a_name_all_data_sets_are_run(monkeypatch):
    asked = []
    monkeypatch.setattr(few_labels, "run", lambda out, names: asked.append(names))
    assert few_labels.main([]) == 0
    assert asked == [tuple(few_labels.LABELLED)]
