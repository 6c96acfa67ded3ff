import json

import pytest
from small_results import SUBJECTS

import protocols
import static
from contest import Timed
from graphtune.table import from_lists
from tiny_bert import write_tiny_bert

TEXTS = [f"{word} {at}" for words in SUBJECTS.values() for word in words for at in range(5)]
LABELS = [subject for subject, words in SUBJECTS.items() for _ in range(5 * len(words))]
PARTS = (["train"] * 3 + ["test"] * 2) * 18


@pytest.fixture
def small(monkeypatch):
    """Give every protocol one small table."""
    table = from_lists(TEXTS, LABELS, split=PARTS)
    monkeypatch.setattr(protocols, "read", lambda protocol, seed, rows=None: (table, None))


def fit(accuracy, graph_free):
    return {"accuracy": accuracy, "graph_free_accuracy": graph_free}


def test_the_distilled_rows_are_all_that_is_timed(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))
    write_tiny_bert(tmp_path / "bert")
    work = static.distilled(("the cat", "a dog ran"), str(tmp_path / "bert"))
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").rglob("*")}
    assert work() == work() == 2
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").rglob("*")} == kept


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("seconds", "met"), [(60.0, True), (40.0, False)])
def test_a_run_says_whether_the_bar_is_met(seconds, met, tmp_path, monkeypatch, capsys):
    found = {
        name: Timed((spent,) * 2, 300.0, 200.0, 2)
        for name, spent in (("static", 1.0), ("transformer", seconds))
    }
    asked = []
    monkeypatch.setattr(static, "contest", lambda ways, turns: asked.append(ways) or found)
    static.run(tmp_path, ("r8",))
    result = json.loads((tmp_path / "static/r8.json").read_text())
    texts = asked[0][0].arguments[0]
    assert [way.arguments for way in asked[0]] == [(texts,)] * 2
    assert set(texts) == {text for text, part in zip(TEXTS, PARTS, strict=True) if part == "train"}
    assert result["texts"] == len(texts) == 54
    assert result["ratio"] == {"median": seconds, "least": seconds, "most": seconds}
    assert result["met"] is met
    assert result["bar"] == 50
    assert not (tmp_path / "static/accuracy.json").exists()
    assert f"{seconds} times as fast (bar 50" in capsys.readouterr().out


@pytest.mark.usefixtures("small")
def test_a_small_fit_with_either_encoder_gives_a_whole_result(tmp_path, monkeypatch, capsys):
    usual = static.fit_table
    asked = []

    def fitted(table, *, plan, into):
        asked.append(plan.encoder)
        return usual(table, plan=static.Plan("tfidf", budget_seconds=0.1), into=into)

    monkeypatch.setattr(static, "fit_table", fitted)
    monkeypatch.setattr(static, "JUDGED", {"r8-20": static.JUDGED["r8-20"]})
    static.run(tmp_path, ("accuracy",))
    result = json.loads((tmp_path / "static/accuracy.json").read_text())
    assert asked == ["static", "minilm"]
    [row] = result["rows"]
    assert row["encoders"]["static"]["rows"] == {"labelled": 54, "unlabelled": 0, "val": 0, "test": 36}
    assert row["encoders"]["static"]["accuracy"] == row["encoders"]["minilm"]["accuracy"]
    assert row["given_back"] is None
    assert {"graphtune", "torch"} <= result["versions"].keys()
    assert "r8-20: static" in capsys.readouterr().out


def test_what_the_graph_gives_back_is_a_share_of_what_is_lost_without():
    assert static.given_back({"static": fit(84.0, 80.0), "minilm": fit(93.0, 90.0)}) == 0.4
    assert static.given_back({"static": fit(80.0, 80.0), "minilm": fit(93.0, 90.0)}) == 0
    assert static.given_back({"static": fit(84.0, 90.0), "minilm": fit(93.0, 90.0)}) is None


def test_absent_data_are_skipped_and_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GRAPHTUNE_DATA", str(tmp_path))
    static.run(tmp_path / "out")
    said = capsys.readouterr().err
    assert all(f"skipped {name}" in said for name in (*static.TIMED, *static.JUDGED))
    assert not (tmp_path / "out").exists()
