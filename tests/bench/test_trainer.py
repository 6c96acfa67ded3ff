import json

import numpy as np
import pytest

import measured
import protocols
import trainer
from graphtune.table import Columns, read_table
from tiny_bert import write_tiny_bert

OURS = {
    "command": "graphtune fit",
    "seconds": 50.0,
    "peak_mib": 2000.0,
    "cores": 2,
    "accuracy": 85.0,
    "chosen": "one",
    "bar": {},
}


def ended(settings, held_out=70.0, accuracy=75.0, seconds=600.0):
    return {
        "settings": {"rate": settings.rate, "format": settings.number_format},
        "epochs": 9,
        "held_out_accuracy": held_out,
        "accuracy": accuracy,
        "seconds": seconds,
    }


def compared(monkeypatch, number_format, **facts):
    """Compare with made-up commands: ``facts`` by rate and number format."""
    monkeypatch.setattr(
        trainer,
        "command",
        lambda one: ended(one, **facts.get(f"{one.number_format}_{one.rate * 1e5:.0f}", {})),
    )
    monkeypatch.setattr(measured, "resources", lambda row: OURS)
    # Nothing is tuned here, so that what would tune need not be installed.
    monkeypatch.setattr(trainer.surroundings, "versions", lambda *beside: dict.fromkeys(beside, "1.0"))
    usual = trainer.surroundings.hardware()
    monkeypatch.setattr(trainer.surroundings, "hardware", lambda: usual | {"encoding_in": number_format})


def test_one_labelled_row_a_class_is_held_out():
    table = read_table(protocols.BUNDLED, Columns("text", "label", "split", "id"), purpose="fit")
    parts = trainer.parted(table, None)
    assert [len(rows) for rows in (parts.learn, parts.judge, parts.test)] == [308, 77, 3080]
    assert sorted(table.labels[parts.judge]) == list(range(77))
    assert not {*parts.learn} & {*parts.judge}
    assert {*parts.learn, *parts.judge} == {*protocols.labelled(table, "train")}
    assert [len(rows) for rows in vars(trainer.parted(table, 5)).values()] == [5, 5, 5]


@pytest.mark.filterwarnings("ignore")  # of transformers and accelerate
def test_a_small_model_is_tuned_and_tested(tmp_path, monkeypatch):
    pytest.importorskip("accelerate", reason="accelerate is not installed: it comes with the extra bench")
    write_tiny_bert(tmp_path / "bert")
    monkeypatch.setattr(trainer, "_MOST_TOKENS", 20)
    told = trainer.tune(trainer.Settings(epochs=2), rows=40, directory=tmp_path / "bert")
    assert told["rows"] == {"learned": 40, "held_out": 40, "test": 40}
    assert told["settings"]["format"] == "float32"
    assert told["epochs"] == 2
    assert 0 <= told["accuracy"] <= 100


def test_tuning_is_a_command_that_writes_what_came_of_it(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(trainer, "tune", lambda settings, rows: asked.append((settings, rows)) or {"a": 1})
    place = tmp_path / "told.json"
    assert trainer.main(["tune", str(place), "--rate", "2e-5", "--format", "bfloat16", "--epochs", "3"]) == 0
    assert asked == [(trainer.Settings(2e-5, "bfloat16", 3), None)]
    assert json.loads(place.read_text()) == json.loads(capsys.readouterr().out) == {"a": 1}


def test_the_command_is_timed_and_its_failure_told(monkeypatch):
    class Ended:
        stdout = b'{"status": 3, "seconds": 1.0}'

    asked = []
    monkeypatch.setattr(trainer.timed.subprocess, "run", lambda command, **_: asked.append(command) or Ended)
    with pytest.raises(RuntimeError, match="rate=2e-05"):
        trainer.command(trainer.Settings(2e-5), rows=3)
    assert asked[0][1].endswith("timed.py")
    assert asked[0][2:4] == ["--cores", "2"]
    assert asked[0][-2:] == ["--rows", "3"]


def test_the_better_rate_is_kept_and_then_the_faster_format(tmp_path, monkeypatch, capsys):
    compared(
        monkeypatch,
        "bfloat16",
        float32_10={"held_out": 60.0},
        float32_5={"held_out": 60.0},
        float32_2={"held_out": 65.0},
        bfloat16_2={"seconds": 500.0},
    )
    trainer.run(tmp_path)
    result = json.loads((tmp_path / "trainer/banking77-few5.json").read_text())
    assert result["trainer"]["settings"] == {"rate": 2e-5, "format": "bfloat16"}
    assert len(result["every_trainer"]) == 4
    assert (result["ratio"], result["met"]) == (10.0, True)
    assert "10.0 times as fast (bar 10.0)" in capsys.readouterr().out


def test_bfloat16_is_left_out_where_the_processor_lacks_it(monkeypatch):
    compared(monkeypatch, "float32")
    result = trainer.compared()
    assert [one["settings"]["format"] for one in result["every_trainer"]] == ["float32"] * 3
    assert result["ratio"] == 12.0


@pytest.mark.parametrize(
    ("facts", "met"),
    [({}, True), ({"float32_10": {"seconds": 490.0}}, False), ({"float32_2": {"accuracy": 85.0}}, False)],
)
def test_both_faster_and_more_accurate_are_asked_for(facts, met, monkeypatch):
    compared(monkeypatch, "float32", **facts)
    result = trainer.compared()
    assert result["met"] is met
    assert np.isclose(result["ratio"], result["trainer"]["seconds"] / 50, atol=1e-3)
