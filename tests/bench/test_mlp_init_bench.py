import json

import pytest
import torch

import mlp_init
import protocols
from graphtune.table import Links, Table, from_lists
from graphtune.train import Epoch, History, PhaseHistory
from text_tasks import texts, tiny


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))


def data(*_) -> tuple[Table, Links]:
    found, labels = texts()
    split = ["train"] * 30 + ["val"] * 10 + ["test"] * 8
    table = from_lists(found, [f"class {label}" for label in labels.tolist()], split=split)
    return table, Links(table.ids[:-1], table.ids[1:])


def test_a_small_run_gives_a_whole_result(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(protocols, "read", data)
    monkeypatch.setattr(mlp_init, "_ENCODER", tiny().name)
    monkeypatch.setattr(mlp_init, "_EPOCHS", 4)
    mlp_init.run(tmp_path)
    result = json.loads((tmp_path / "mlp_init/debian.json").read_text())
    assert result["rows"] == {"train": 30, "val": 10, "edges": 78}  # none to a test row
    assert [one["seed"] for one in result["seeds"]] == [0, 1, 2, 3, 4]
    for one in result["seeds"]:
        assert 1 <= one["xavier"]["epochs"] <= 4
        assert one["xavier"]["best"] == one["score"]
        assert one["xavier"]["of_these_before"] == 0.0 < one["mlp_init"]["of_these_before"]
        assert (one["mlp_init"]["seconds"] is None) == (one["mlp_init"]["best"] < one["score"])
    assert result["median_s"]["xavier"] > 0
    if result["ratio"]:
        median = result["median_s"]
        assert result["ratio"] == pytest.approx(median["xavier"] / median["mlp_init"], rel=0.05)
    assert result["met"] == bool(result["ratio"] and result["ratio"] >= result["bar"])
    assert {"torch", "graphtune"} <= result["versions"].keys()
    assert "of 5 seeds" in capsys.readouterr().out


def test_absent_data_are_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(protocols, "data_root", lambda: tmp_path)
    mlp_init.run(tmp_path)
    assert "GRAPHTUNE_DATA" in capsys.readouterr().err
    assert not (tmp_path / "mlp_init").exists()


def test_a_score_is_reached_at_its_first_epoch_and_what_came_before_counts():
    def phase(name: str, *scores: float) -> PhaseHistory:
        epochs = (Epoch(name, at, 1.0, 1.0, score, 0.01, 2.0) for at, score in enumerate(scores, 1))
        return PhaseHistory(name, tuple(epochs), 1, "epochs", 1)

    history = History((phase("mlp", 0.9, 0.9), phase("full", 0.5, 0.75, 0.7, 0.8)))
    assert mlp_init.best(history) == 0.8
    assert mlp_init.reached(history, 0.75) == {"epochs": 2, "seconds": 8.0, "of_these_before": 4.0}
    assert mlp_init.reached(history, 0.9) == {"epochs": None, "seconds": None, "of_these_before": 4.0}


def test_the_nodes_are_all_but_the_test_rows():
    table, links = data()
    task = mlp_init.prepared(table, links, tiny().name)
    assert task.graph.nodes == 40
    assert torch.equal(torch.cat([task.train, task.val]), torch.arange(40))
    assert torch.equal(task.labels, torch.from_numpy(table.labels[:40]))
