import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench/structure"))

import sensitivities

import protocols
from graphtune.sensitivity import Probing
from graphtune.table import Table, from_lists
from small_structure import graph_of
from text_tasks import texts, tiny


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(protocols, "read", lambda *_: (table(), None))
    monkeypatch.setattr(sensitivities, "graph_of", graph_of)
    monkeypatch.setattr(sensitivities, "Probing", lambda **_: Probing(steps=1, batch_rows=8))


def table() -> Table:
    found, labels = texts()
    split = ["train"] * 36 + ["test"] * 12
    return from_lists(found, [f"class {label}" for label in labels.tolist()], split=split)


def test_a_small_run_gives_a_whole_result(tmp_path, capsys):
    sensitivities.run("small", tiny().name, tmp_path / "out", tmp_path / "work")
    (file,) = (tmp_path / "out").glob("small-*.json")
    result = json.loads(file.read_text())
    assert result["rows"] == {"head": 27, "val": 9}  # held out of the training rows; none of test
    assert len(result["structure"]["nodes"]) == 3 * 8 + 4 + 1
    assert {"tuning gain", "pruning loss", "quantisation loss", "Fisher"} <= result["structure"][
        "columns"
    ].keys()
    for scores in result["correlations"].values():
        assert {"Fisher", "LastBlocks", "Magnitude", "Random", "Taylor"} <= scores.keys()
        assert scores["Uniform"] is None
        assert all(value is None or -1 <= value <= 1 for value in scores.values())
    assert {"torch", "graphtune"} <= result["versions"].keys()
    assert len(list((tmp_path / "work").rglob("*.json"))) == 29 + 1  # the head alone
    assert "29 modules in" in capsys.readouterr().out


def test_harms_are_measured_anew_beside_the_gains_that_are_there(tmp_path, monkeypatch):
    out, work = tmp_path / "out", tmp_path / "work"
    sensitivities.run("small", tiny().name, out, work)
    (file,) = out.glob("small-*.json")
    first = json.loads(file.read_text())
    spoilt = json.loads(file.read_text())
    for name in ("pruning loss", "quantisation loss"):
        spoilt["structure"]["columns"][name] = [None] * len(spoilt["structure"]["nodes"])
    file.write_text(json.dumps(spoilt))
    monkeypatch.setattr(
        sensitivities, "Probing", lambda **given: Probing(**{"steps": 1, "batch_rows": 8, **given})
    )
    sensitivities.run("small", tiny().name, out, tmp_path / "other", harms=True)
    again = json.loads(file.read_text())
    assert again["structure"]["columns"] == first["structure"]["columns"]
    assert again["correlations"] == first["correlations"]
    assert again["gains"]["seconds"] == first["seconds"]


def test_a_smoke_run_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sensitivities, "RESULTS", tmp_path / "out")
    monkeypatch.setattr(sensitivities, "WORK", tmp_path / "work")
    assert sensitivities.main(["small", "--rows", "20", "--encoder", tiny().name]) == 0
    assert "best rank correlation" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_absent_data_and_encoders_are_told(tmp_path, monkeypatch, capsys):
    assert sensitivities.main(["small", "--rows", "20", "--encoder", str(tmp_path / "nowhere")]) == 2
    assert "fix:" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setattr(protocols, "data_root", lambda: tmp_path)
    sensitivities.run("small", tiny().name, tmp_path / "out", tmp_path / "work")
    assert "GRAPHTUNE_DATA" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
