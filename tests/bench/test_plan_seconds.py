import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench/structure"))

import plan_seconds
import sensitivities
from levels import LEVELS

import protocols
import recording
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
    monkeypatch.setattr(plan_seconds, "ENCODER", tiny().name)
    monkeypatch.setitem(LEVELS["tune"], "25%", 0.4)  # a quarter of so small an encoder is less than a block
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))


def test_shares_are_of_what_tuning_everything_takes(tmp_path, monkeypatch, capsys):
    order = []
    monkeypatch.setattr(plan_seconds, "_trainer", lambda corpus: 40.0)

    def seconds(selector, known, size):
        order.append(selector)
        return {"full": 20.0, "last-k": 8.0, "usual-quick": 6.0, "lora-uniform": 18.0}[selector]

    monkeypatch.setattr(plan_seconds, "_seconds", seconds)
    plan_seconds.run(tmp_path, ("trec6", "cr"))
    assert order[::4] == ["full", "last-k"]  # another one is the first
    found = recording.recorded(tmp_path / plan_seconds.NAME, plan_seconds.SETS)
    assert [one["dataset"] for one in found] == ["trec6", "cr"]
    shares = {"full": 1.0, "last-k": 0.4, "usual-quick": 0.3, "lora-uniform": 0.9}
    assert plan_seconds.summed(found) == shares
    assert plan_seconds.summed(found, "share_of_trainer")["last-k"] == 0.2
    assert plan_seconds.summed([]) == {}
    assert "trec6: full 100% (50% of Trainer's), last-k 40% (20% of" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")  # of transformers and accelerate
def test_a_try_measures_every_way():
    pytest.importorskip("accelerate", reason="accelerate is not installed: it comes with the extra bench")
    found = plan_seconds.measured("trec6", 12)
    assert found["rows"]["train"] == 12
    assert all(value > 0 for value in found["seconds"].values())
    assert set(found["share"]) == {*plan_seconds.SELECTORS}
