import json

import pytest
from small_results import SUBJECTS

import protocols
import pruning
from contest import Timed
from graphtune.table import from_lists
from tiny_bert import write_tiny_bert

TEXTS = [f"{word} {at}" for words in SUBJECTS.values() for word in words for at in range(5)]
LABELS = [subject for subject, words in SUBJECTS.items() for _ in range(5 * len(words))]
PARTS = (["train"] * 3 + ["test"] * 2) * 18
SMALL = ("--rows", "40", "--seconds", "0.2", "--turns", "2")


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Give every protocol one small table, and a tiny encoder; nothing is timed."""
    table = from_lists(TEXTS, LABELS, split=PARTS)
    monkeypatch.setattr(protocols, "read", lambda protocol, seed, rows=None: (table, None))
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))
    write_tiny_bert(tmp_path / "bert")

    def contest(ways, turns):
        assert [way.prepare(*way.arguments)() for way in ways] == [len(ways[0].arguments[1])] * len(ways)
        return {
            way.name: Timed((2.0 if way.name == "whole" else 1.0,) * turns, 300.0, 200.0, 2) for way in ways
        }

    monkeypatch.setattr(pruning, "contest", contest)
    return str(tmp_path / "bert")


def test_every_way_is_pruned_taught_and_timed(small, tmp_path, monkeypatch, capsys):
    usual = pruning.measured
    monkeypatch.setattr(pruning, "measured", lambda name, size: usual(name, size, small))
    ways = ("groups-by-labels", "groups-by-head", "groups-by-rows", "units-alike", "top-blocks")
    pruning.run(tmp_path / "out", ("sst2",), pruning.Size(40, 0.2, 2, ways, (0.3, 0.6)))
    result = json.loads((tmp_path / "out/pruning/sst2.json").read_text())
    tried = [(row["way"], row["share"]) for row in result["pruned"]]
    assert tried == [
        (way, share) for way in ways for share in (0.3, 0.6) if (way, share) != ("units-alike", 0.6)
    ]
    assert "units-alike 0.6: share = 0.6 of the FLOPs cannot go" in capsys.readouterr().out
    for row in result["pruned"]:
        assert row["saved_flops"] >= row["share"]
        assert row["times_as_fast"] == {"median": 2.0, "least": 2.0, "most": 2.0}
        assert all(0 <= row[what][head] <= 100 for what in ("pruned", "taught") for head in row["pruned"])
    assert result["texts"] == {"taught": 40, "probed": 40, "judged": 36, "timed": 40}
    assert "torch" in result["versions"]


def test_a_smoke_run_writes_nothing(monkeypatch):
    asked = []
    monkeypatch.setattr(pruning, "measured", lambda name, size: asked.append((name, size)))
    monkeypatch.setattr(pruning, "run", lambda *_: pytest.fail("it was written"))
    assert pruning.main(["trec6", *SMALL, "--ways", "top-blocks", "--shares", "0.5"]) == 0
    assert asked == [("trec6", pruning.Size(40, 0.2, 2, ("top-blocks",), (0.5,)))]


def test_absent_data_are_skipped_and_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GRAPHTUNE_DATA", str(tmp_path))
    pruning.run(tmp_path / "out")
    said = capsys.readouterr().err
    assert all(f"skipped {name}" in said for name in pruning.DATASETS)
    assert not (tmp_path / "out").exists()
