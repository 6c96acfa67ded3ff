import json

import pytest

import protocols
import unknown
from graphtune.plan import Plan
from graphtune.table import from_lists

CLASSES = {"refund": ("money", "paid", "bill"), "login": ("password", "code", "locked")}


@pytest.fixture
def source(monkeypatch):
    """Rows of two classes and of none, in all parts."""
    rows = [
        (f"{words[at % 3]} {words[at % 2]} number {at}", label, part)
        for label, words in CLASSES.items()
        for part, count in (("train", 12), ("val", 6), ("test", 6))
        for at in range(count)
    ]
    rows += [
        (f"zebra {at} xylophone", unknown.NO_CLASS, part)
        for part in ("train", "val", "test")
        for at in range(11)
    ]
    texts, labels, parts = zip(*rows, strict=True)

    def read(protocol, seed):
        return from_lists(texts, labels, [str(at) for at in range(len(texts))], parts), None

    monkeypatch.setattr(protocols, "read", read)
    monkeypatch.setattr(unknown, "_BUDGET", 0.1)
    monkeypatch.setattr(unknown, "Plan", lambda **given: Plan(encoder="tfidf", **given))


@pytest.mark.parametrize(("examples", "train"), [(False, 0), (True, 11)])
def test_rows_of_no_class_are_shown_only_as_the_row_says(source, examples, train):
    table = unknown.shown(unknown.Row("small", None, examples))
    number = table.classes.index(unknown.NO_CLASS)
    parts = [part for part, label in zip(table.split, table.labels, strict=True) if label == number]
    assert [parts.count(part) for part in ("train", "val", "test")] == [train, 0, 11]


def test_a_result_is_written(source, tmp_path, capsys):
    unknown.run(tmp_path, (unknown.ROWS[-1].name,))
    result = json.loads((tmp_path / "unknown" / f"{unknown.ROWS[-1].name}.json").read_text())
    assert result["rows"]["test"] == 12
    assert result["examples"] == 11
    assert result["auroc"] > 90
    assert len(result["weights"]) == 2
    assert "AUROC" in capsys.readouterr().out


def test_rows_have_names_of_their_own():
    assert len({row.name for row in unknown.ROWS}) == len(unknown.ROWS) == 6
