import json
from dataclasses import replace

import pytest
from small_results import SUBJECTS

import protocols
import smaller
from contest import Timed
from graphtune.table import from_lists
from tiny_bert import write_tiny_bert

pytest.importorskip("onnxruntime")

TEXTS = [f"{word} {at}" for words in SUBJECTS.values() for word in words for at in range(5)]
LABELS = [subject for subject, words in SUBJECTS.items() for _ in range(5 * len(words))]
PARTS = (["train"] * 3 + ["test"] * 2) * 18


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """Give every protocol one small table, and a tiny encoder; nothing is timed."""
    table = from_lists(TEXTS, LABELS, split=PARTS)
    monkeypatch.setattr(protocols, "read", lambda protocol, seed, rows=None: (table, None))
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))
    write_tiny_bert(tmp_path / "bert")

    def contest(ways, turns):
        texts = {way.prepare(*way.arguments)() for way in ways}
        assert texts == {32}
        exact = smaller.WHOLE + " float32"
        return {w.name: Timed((2.0 if w.name == exact else 1.0,) * turns, 300.0, 200.0, 32) for w in ways}

    monkeypatch.setattr(smaller, "contest", contest)
    return smaller.Size(32, seeds=2, epochs=1, seconds=0.2, turns=2, encoder=str(tmp_path / "bert"))


def test_every_way_is_judged_beside_the_whole_model_in_float32(quick, tmp_path, monkeypatch, capsys):
    usual = smaller.measured
    monkeypatch.setattr(smaller, "measured", lambda name, _: usual(name, quick))
    smaller.run(tmp_path / "out", ("cr",))
    result = json.loads((tmp_path / "out/smaller/cr.json").read_text())
    assert result["rows"] == {"train": 32, "test": 32}
    assert [one["seed"] for one in result["seeds"]] == [0, 1]
    for one in result["seeds"]:
        assert one["onnx"]["same_label"] == 100.0
        assert one["onnx"]["points_lost"] == 0.0
        assert one["int8"]["times_smaller"] > one["onnx"]["times_smaller"]
        assert one[smaller.BOTH]["times_smaller"] > one[smaller.PRUNED]["times_smaller"] > 1.0
    lost = [one[smaller.PRUNED]["points_lost"] for one in result["seeds"]]
    assert result["means"][smaller.PRUNED]["points_lost"] == pytest.approx(sum(lost) / 2, abs=1e-3)
    assert {one["median"] for one in result["times_as_fast"].values()} == {2.0}
    assert "whole float32" not in result["times_as_fast"]
    assert result["texts_per_second"]["int8"] == 32.0
    assert "times as fast as whole float32" in capsys.readouterr().out


def test_the_seed_draws_the_training_rows_and_the_test_rows_are_always_the_same(quick):
    tables = [smaller.rows_of("cr", seed, replace(quick, rows=20)) for seed in (0, 1)]
    drawn = [{(i, part) for i, part in zip(one.ids, one.split, strict=True)} for one in tables]
    tested, learned = ([{i for i, own in one if own == part} for one in drawn] for part in ("test", "train"))
    assert tested[0] == tested[1]
    assert learned[0] != learned[1]
