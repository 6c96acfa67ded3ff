from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import full_accuracy
import full_tuning
import tuning
from graphtune.table import from_lists
from text_tasks import texts, tiny


def rows(labelled: int):
    found, truth = texts(60)
    names = [f"class {'abc'[number]}x" for number in truth.tolist()]
    split = ["train"] * 45 + ["test"] * 15
    return from_lists(
        found, [name if at < labelled or at >= 45 else None for at, name in enumerate(names)], split=split
    )


@pytest.mark.filterwarnings("ignore")  # of transformers and accelerate
def test_a_fit_is_held_against_full_fine_tuning_and_has_a_share_of_its_time(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path))
    pytest.importorskip("accelerate", reason="accelerate is not installed: it comes with the extra bench")
    monkeypatch.setattr(full_tuning, "RATE", 1e-3)
    row = tuning.Row("x-all", "x", share=0.5, below=0.3)
    found = tuning.measured(row, rows(45), Path(tiny().name).as_posix())
    assert found["bar"] == round(found["full"]["accuracy"] - 0.3, 2)
    assert found["budget_seconds"] == pytest.approx(0.5 * found["full"]["seconds"], abs=0.1)
    assert found["full"]["labelled"] == 45
    assert found["rows"]["labelled"] == 45
    assert found["chosen"]


@pytest.mark.filterwarnings("ignore")  # of transformers and accelerate
def test_of_long_texts_some_steps_tell_what_all_take_and_accuracy_is_known_from_elsewhere(
    tmp_path, monkeypatch
):
    pytest.importorskip("accelerate", reason="accelerate is not installed: it comes with the extra bench")
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path))
    table, encoder = rows(45), Path(tiny().name)
    # Loading, five steps of which the first are slow, the end of training, and a third of the test rows read.
    ticks = iter([0.0, *(10.0, 12.0, 13.0, 14.0, 16.0), 17.0, 18.0])
    monkeypatch.setattr(full_tuning, "_READ_OF_STEPS", 5)
    with monkeypatch.context() as patched:
        patched.setattr(full_tuning, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
        found = full_tuning.full_tuning(table, encoder, steps=5)
    # Three epochs are nine steps: four more of two seconds each.
    assert (found["accuracy"], found["timed_steps"], found["seconds"]) == (None, 5, 17.0 + 4 * 2.0 + 3 * 1.0)
    row = full_accuracy.result(tuning.Row("x-all", "x", share=0.5), table, encoder.as_posix(), seeds=2)
    assert [one["seed"] for one in row["seeds"]] == [0, 1]
    assert 0 < row["accuracy"] <= 100
    assert "x-all: " in full_accuracy.line(row)
    names = ["rare" if at == 0 else table.classes[label] for at, label in enumerate(table.labels)]
    rare = from_lists(list(table.texts), names, split=list(table.split), keep_rare=True)
    asked = tuning.Row("x-all", "x", 40.0, share=0.5, keep_rare=True, steps=5)
    found = tuning.measured(asked, rare, encoder.as_posix())
    assert (found["bar"], found["full"]["accuracy"], found["full"]["timed_steps"]) == (40.0, None, 5)
    assert found["rows"]["labelled"] == 45


def test_a_bar_is_fixed_or_what_full_fine_tuning_comes_to():
    row = tuning.Row("x-all", "x", 90.0, share=0.5, below=0.3)
    assert tuning.bar_of(row, None) == 90.0
    assert tuning.bar_of(row, 90.2) == 90.0
    assert tuning.bar_of(row, 91.0) == 90.7
    assert tuning.bar_of(replace(row, bar=None), None) is None
    assert tuning.bar_of(replace(row, share=None), 95.0) == 90.0


def test_with_few_labels_the_encoder_serves_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path))
    monkeypatch.setattr(tuning, "_MINUTES", 30.0)
    found = tuning.measured(tuning.Row("x-few", "x", 50.0, "few"), rows(15), Path(tiny().name).as_posix())
    assert found["chosen"].startswith("encoder tuned")
    assert "full" not in found
    assert found["bar"] == 50.0
