import json

import numpy as np
import pytest

import ladder
import protocols
from graphtune.table import Table, from_lists
from text_tasks import texts, tiny


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))


def table() -> Table:
    found, labels = texts()
    split = ["train"] * 36 + ["test"] * 12
    return from_lists(found, [f"class {label}" for label in labels.tolist()], split=split)


def test_a_small_run_gives_a_whole_result(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(protocols, "read", lambda *_: (table(), None))
    monkeypatch.setattr(ladder, "_ENCODER", tiny().name)
    ladder.run(tmp_path)
    result = json.loads((tmp_path / "ladder/r8.json").read_text())
    assert result["rows"] == {"train": 36, "test": 12}
    assert result["ladder"]["blocks"] == [1, 2, 3]
    assert result["full"]["frozen_blocks"] == result["top 3"]["frozen_blocks"] == 0  # it has three
    assert result["ratio"] == pytest.approx(result["full"]["epoch_s"] / result["ladder"]["epoch_s"], abs=0.01)
    assert result["met"] == (result["ratio"] >= result["bar"] == 12)
    assert 0 <= result["fit"]["accuracy"] <= 100
    assert result["fit"]["chosen"].startswith("ladder(")
    assert {"torch", "graphtune"} <= result["versions"].keys()
    assert "times as fast (bar 12" in capsys.readouterr().out


def test_absent_data_are_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(protocols, "data_root", lambda: tmp_path)
    ladder.run(tmp_path)
    assert "GRAPHTUNE_DATA" in capsys.readouterr().err
    assert not (tmp_path / "ladder").exists()


def test_an_epoch_of_tuning_is_scaled_to_all_rows(tmp_path):
    import torch

    from graphtune.encoder import Cache

    learn = np.arange(36)
    torch.manual_seed(0)
    found = ladder._tuning(table(), learn, tiny(), 2, Cache(tmp_path))
    assert found["texts_timed"] == 36
    assert found["frozen_blocks"] == 2
    assert found["epoch_s"] > 0
