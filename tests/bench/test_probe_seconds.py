import sys
from pathlib import Path
from types import SimpleNamespace

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


def test_few_probes_are_held_against_all(monkeypatch, capsys):
    asked = []

    def analysed(*given, probes, settings):
        asked.append(probes)
        clock.append(clock[-1] + (2.0 if probes else 10.0))
        return SimpleNamespace(seconds={"probes": 1.0 if probes else 8.0})

    clock = [0.0]
    monkeypatch.setattr(probe_seconds, "analysed", analysed)
    monkeypatch.setattr(probe_seconds.time, "monotonic", lambda: clock[-1])
    result = probe_seconds.result_of(["one", "other"], tiny().name, 8)
    assert asked == [8, None, None, 8]
    both = {
        "probes": {"few_s": 1.0, "all_s": 8.0, "share": 0.125},
        "whole": {"few_s": 2.0, "all_s": 10.0, "share": 0.2},
    }
    assert result["sets"] == dict.fromkeys(("one", "other"), both)
    assert (result["median_share"], result["median_share_of_whole"], result["met"]) == (0.125, 0.2, True)
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
