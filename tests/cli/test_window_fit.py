"""``graphtune fit --graph window``, and what is saved by it."""

import json
import re
import time

import pytest
from small_table import COLUMNS, metrics, write_csv

from graphtune.cli.app import main
from graphtune.plan import Plan
from graphtune.select import Probe, TextGCN, Window
from graphtune.strategy import Full

ALONE = """
encoder = "tfidf"
exactly = true

[[candidates]]
kind = "Window"
width = 8
strategy = { kind = "Full", rate = 0.02, epochs = 20 }
"""


def test_the_command_holds_it_against_a_probe(table, tmp_path, capsys, monkeypatch):
    quick = Window(width=8, strategy=Full(epochs=1))
    monkeypatch.setattr("graphtune.select.Window", lambda: quick)
    asked = ["--encoder", "tfidf", "--graph", "window", "--budget", "30"]
    assert main(["fit", str(table), *COLUMNS, *asked, "--into", "made"]) == 0
    found = metrics(tmp_path / "made")
    names = {str(Probe()), str(quick)}
    assert {one["name"] for one in found["candidates"]} == names
    assert {one["family"] for one in found["candidates"]} == {"graph-free"}
    assert found["chosen"] in names
    assert "No graph of texts was tried" in capsys.readouterr().out


def test_trainings_that_the_budget_cut_are_told_the_last_one_too(table, tmp_path, capsys):
    (tmp_path / "long.toml").write_text(ALONE.replace("epochs = 20", "epochs = 1000000"))
    asked = ["--plan", "long.toml", "--budget", "2", "--into", "made"]
    assert main(["fit", str(table), *COLUMNS, *asked]) == 0
    (note,) = (one for one in metrics(tmp_path / "made")["notes"] if "The budget ended" in one)
    assert note.startswith("The budget ended 2 trainings")
    assert note in re.sub(r"\s+", " ", capsys.readouterr().err)


def test_a_saved_one_predicts_new_texts_by_itself(table, tmp_path):
    (tmp_path / "alone.toml").write_text(ALONE)
    assert main(["fit", str(table), *COLUMNS, "--plan", "alone.toml", "--into", "made"]) == 0
    made = tmp_path / "made"
    assert metrics(made)["test"]["accuracy"] > 0.6
    assert not (made / "graph").exists()
    (candidate,) = Plan.read(made / "plan.toml").candidates
    assert isinstance(candidate, Window)
    write_csv(tmp_path / "new.csv", [{"text": "parcel courier"}, {"text": "login password"}, {"text": ""}])
    table.unlink()
    assert main(["predict", "made", "new.csv", "--out", "out.jsonl"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["label"] for row in rows[:2]] == ["شحن", "<b>login</b>"]
    assert len(rows) == 3


WORDS = """
encoder = "tfidf"
exactly = true

[[candidates]]
kind = "TextGCN"
width = 8
words = { window = 5 }
strategy = { kind = "Full", rate = 0.05, epochs = 40 }
"""


def test_a_graph_of_all_texts_and_words_serves_without_them(table, tmp_path):
    (tmp_path / "words.toml").write_text(WORDS)
    assert main(["fit", str(table), *COLUMNS, "--plan", "words.toml", "--into", "made"]) == 0
    made = tmp_path / "made"
    assert metrics(made)["test"]["accuracy"] > 0.6
    assert not (made / "graph").exists()
    write_csv(tmp_path / "new.csv", [{"text": "parcel courier"}, {"text": "login password"}, {"text": ""}])
    table.unlink()
    assert main(["predict", "made", "new.csv", "--out", "out.jsonl"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["label"] for row in rows[:2]] == ["شحن", "<b>login</b>"]


def test_the_command_holds_a_graph_of_words_against_a_probe_too(table, tmp_path, monkeypatch):
    quick = TextGCN(width=8, strategy=Full(epochs=2))
    monkeypatch.setattr("graphtune.select.TextGCN", lambda: quick)
    asked = ["--encoder", "tfidf", "--graph", "words", "--budget", "30"]
    assert main(["fit", str(table), *COLUMNS, *asked, "--into", "made"]) == 0
    assert {one["name"] for one in metrics(tmp_path / "made")["candidates"]} == {str(Probe()), str(quick)}


def test_it_keeps_to_the_budget_and_says_so(table, tmp_path, capsys):
    endless = ALONE.replace("epochs = 20", "epochs = 1000000").replace(
        "exactly", "budget_seconds = 5\nexactly"
    )
    (tmp_path / "alone.toml").write_text(endless)
    begun = time.monotonic()
    assert main(["fit", str(table), *COLUMNS, "--plan", "alone.toml", "--into", "made"]) == 0
    assert time.monotonic() - begun < 7
    assert "A longer --budget may serve better" in capsys.readouterr().err
    found = metrics(tmp_path / "made")
    assert any("before they were done" in note for note in found["notes"])
    assert found["test"]["accuracy"] > 0.6


def test_it_is_among_the_methods_that_are_compared(table, capsys):
    assert main(["compare", str(table), *COLUMNS, "--encoder", "tfidf", "--list", "--methods", "window"]) == 0
    assert capsys.readouterr().out.split()[:2] == ["window", "window"]


@pytest.mark.parametrize("asked", [["--graph", "sentences"], ["--graph", "window", "--tune"]])
def test_what_cannot_be_is_refused(asked, table, tmp_path, capsys):
    assert main(["fit", str(table), *COLUMNS, *asked, "--into", "made"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("graph", ["window", "words"])
def test_a_dry_run_says_that_it_may_take_the_whole_budget(graph, table, tmp_path, capsys):
    asked = ["--encoder", "tfidf", "--graph", graph, "--budget", "60", "--dry-run"]
    assert main(["fit", str(table), *COLUMNS, *asked]) == 0
    said = capsys.readouterr().out
    assert "nothing was fitted or written" in said
    assert re.search(r"select +at most (4[0-9]|[0-9.]+) s", said)
    assert "time: at most" in said
