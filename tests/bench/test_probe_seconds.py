import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench/structure"))

import probe_seconds
import sensitivities

import protocols
from graphtune.table import from_lists
from small_structure import graph_of
from text_tasks import texts, tiny


@pytest.fixture(autouse=True)
def _small(tmp_path, monkeypatch):
    found, labels = texts()
    names = [f"class {label}" for label in labels.tolist()]
    table = from_lists(found, names, split=["train"] * 36 + ["test"] * 12)
    monkeypatch.setattr(protocols, "read", lambda *_: (table, None))
    monkeypatch.setattr(sensitivities, "graph_of", graph_of)
    monkeypatch.setattr(probe_seconds, "RESULTS", tmp_path)


def test_few_probes_are_held_against_all(capsys):
    result = probe_seconds.result_of(["one", "other"], tiny().name, 8)
    assert list(result["sets"]) == ["one", "other"]
    for one in result["sets"].values():
        assert one["share"] == pytest.approx(one["few_s"] / one["all_s"], abs=0.05)
        assert 0 < one["few_s"] < one["all_s"]
    shares = [one["share"] for one in result["sets"].values()]
    assert result["median_share"] == pytest.approx(sum(shares) / 2)
    assert result["met"] == (result["median_share"] <= 0.15)
    assert probe_seconds.line(result).startswith(f"8 probes of {result['encoder']} take ")
    assert "one: " in capsys.readouterr().out


def test_a_try_writes_nothing_and_a_wrong_set_is_told(tmp_path, monkeypatch, capsys):
    assert probe_seconds.main(["one", "--encoder", tiny().name, "--rows", "8"]) == 0
    assert list(tmp_path.iterdir()) == []

    def absent(*_):
        raise protocols.AbsentDataError("set GRAPHTUNE_DATA.")

    monkeypatch.setattr(protocols, "read", absent)
    assert probe_seconds.main(["one", "--encoder", tiny().name]) == 2
    assert "GRAPHTUNE_DATA" in capsys.readouterr().err
