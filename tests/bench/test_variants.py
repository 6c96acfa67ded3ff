"""More encoders to measure: what is cut is gone, and what is tried leaves nothing."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "bench/structure"))

import variants
from carried_out import Size

import protocols
from graphtune.encoder.loading import load_model
from graphtune.table import from_lists
from text_tasks import texts, tiny


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    found, labels = texts()
    table = from_lists(
        found, [f"class {label}" for label in labels.tolist()], split=["train"] * 36 + ["test"] * 12
    )
    monkeypatch.setattr(protocols, "read", lambda *_: (table, None))


def test_one_is_shallower_and_the_other_has_learned(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(variants, "Size", lambda: Size(36, 9, 12, epochs=1))
    assert variants.main([str(tmp_path), "--encoder", tiny().name, "--blocks", "1", "--set", "small"]) == 0
    name = Path(tiny().name).name
    whole, cut, learned = (
        load_model(place, torch.float32).state_dict()
        for place in (Path(tiny().name), tmp_path / f"{name}-1-blocks", tmp_path / f"{name}-tuned-small")
    )
    assert {key for key in whole if key not in cut} == {
        key for key in whole if ".layer." in key and ".layer.0." not in key
    }
    assert all(torch.equal(cut[key], whole[key]) for key in cut)
    assert learned.keys() == whole.keys()
    assert any(not torch.equal(learned[key], whole[key]) for key in learned)
    assert capsys.readouterr().out.split() == [
        str(tmp_path / f"{name}-{w}") for w in ("1-blocks", "tuned-small")
    ]


def test_a_smoke_run_keeps_nothing_and_blocks_are_checked(tmp_path, capsys):
    assert (
        variants.main([str(tmp_path / "out"), "--encoder", tiny().name, "--blocks", "1", "--rows", "12"]) == 0
    )
    assert not (tmp_path / "out").exists()
    for blocks in ("0", str(tiny().depth)):
        assert variants.main([str(tmp_path / "out"), "--encoder", tiny().name, "--blocks", blocks]) == 2
        assert "fix: use 1 to" in capsys.readouterr().err
