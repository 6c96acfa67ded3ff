import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench/structure"))

import probe_seconds
import sensitivities

import protocols
import recording
from graphtune.table import from_lists
from small_structure import graph_of
from text_tasks import texts, tiny


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    found, labels = texts()
    names = [f"class {label}" for label in labels.tolist()]
    table = from_lists(found, names, split=["train"] * 36 + ["test"] * 12)
    monkeypatch.setattr(protocols, "read", lambda *_: (table, None))
    monkeypatch.setattr(sensitivities, "graph_of", graph_of)
    monkeypatch.setattr(probe_seconds, "ENCODER", tiny().name)


def test_few_probes_are_held_against_all(tmp_path, monkeypatch, capsys):
    asked = []

    def analysed(*given, probes, settings):
        asked.append(probes)
        clock.append(clock[-1] + (2.0 if probes else 10.0))
        return SimpleNamespace(seconds={"probes": 1.0 if probes else 8.0})

    clock = [0.0]
    monkeypatch.setattr(probe_seconds, "analysed", analysed)
    monkeypatch.setattr(probe_seconds.time, "monotonic", lambda: clock[-1])
    probe_seconds.run(tmp_path, ("trec6", "cr"))
    assert asked == [8, None, None, 8]
    found = recording.recorded(tmp_path / probe_seconds.NAME, probe_seconds.SETS)
    for one in found:
        assert one["probes"] == {"few_s": 1.0, "all_s": 8.0, "share": 0.125}
        assert one["whole"] == {"few_s": 2.0, "all_s": 10.0, "share": 0.2}
    told = {"sets": 2, "share": 0.125, "share_of_whole": 0.2, "bar": 0.15, "met": True}
    assert probe_seconds.summed(found) == told
    assert "trec6: 8 probes of " in capsys.readouterr().out


def test_a_try_measures_both():
    found = probe_seconds.measured("trec6", 8)
    assert 0.0 < found["probes"]["few_s"] < found["whole"]["few_s"]
