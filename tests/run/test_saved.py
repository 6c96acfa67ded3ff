"""A saved model: trusted only as it was written, replaced only by a whole one."""

import errno
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from subjects import plan, table

from graphtune.errors import ModelError, OutputError
from graphtune.run import FittedModel, fit_table, load, save
from graphtune.run import saved as module
from graphtune.select import Probe


@pytest.fixture(scope="module")
def fitted() -> FittedModel:
    model = fit_table(table(labelled=3), plan=plan(), into=None)
    assert model.candidate.graphs
    return model


@pytest.fixture
def place(fitted, tmp_path) -> Path:
    save(fitted, tmp_path / "model")
    return tmp_path / "model"


FILES = [
    "README.md",
    "calibration.json",
    "graph/0.json",
    "graph/0.safetensors",
    "graph/features.safetensors",
    "graph/rows.parquet",
    "labels.json",
    "metrics.json",
    "model.safetensors",
    "plan.toml",
    "report.html",
    "unknown.json",
    "unknown.safetensors",
    "words.json",
    "words.safetensors",
]


def listing(folder: Path) -> dict[str, bytes]:
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_holds_these_files_and_no_pickle(place):
    assert sorted(listing(place)) == sorted([*FILES, "manifest.json"])
    manifest = json.loads((place / "manifest.json").read_text())
    assert sorted(manifest["files"]) == FILES


@pytest.mark.parametrize("name", FILES)
def test_an_altered_cut_or_missing_file_is_named(place, name):
    whole = (place / name).read_bytes()
    for spoilt, what in (
        (whole[:-1], "altered or cut short"),
        (whole[:-1] + b"#", "altered"),
        (None, "missing"),
    ):
        (place / name).unlink() if spoilt is None else (place / name).write_bytes(spoilt)
        with pytest.raises(ModelError) as refused:
            load(place)
        assert f"{name} " in refused.value.problem
        assert what in refused.value.problem
    (place / name).write_bytes(whole)
    assert load(place).classes


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"format": "x", "files": {}}'])
def test_a_manifest_that_is_none_is_refused(place, text):
    (place / "manifest.json").write_text(text)
    with pytest.raises(ModelError, match=r"manifest\.json was altered"):
        load(place)


def test_words_are_learned_and_saved_only_where_they_are_read(tmp_path):
    for view in ("meaning", "both"):
        asked = plan(Probe(view), encoder="static", exactly=True)
        model = fit_table(table(labelled=3), plan=asked, into=tmp_path / view)
        assert (model.maker.terms is not None) == (view == "both")
        assert ("words.json" in listing(tmp_path / view)) == (view == "both")
        texts = ["my card is late", "a refund"]
        again = load(tmp_path / view).probabilities(texts)
        np.testing.assert_array_equal(again, model.probabilities(texts))


def test_words_that_only_the_search_read_are_not_saved(tmp_path):
    model = fit_table(
        table(labelled=3),
        plan=plan(Probe("meaning"), Probe("words", 1e-6), encoder="static"),
        into=tmp_path / "model",
    )
    assert model.candidate == Probe("meaning")
    assert model.maker.terms is not None
    assert "words.json" not in listing(tmp_path / "model")
    assert load(tmp_path / "model").classes == model.classes


def test_a_newer_model_asks_for_an_update(place):
    manifest = json.loads((place / "manifest.json").read_text())
    (place / "manifest.json").write_text(
        json.dumps(manifest | {"format": module.FORMAT + 1, "graphtune": "9.0"})
    )
    with pytest.raises(ModelError, match=r"graphtune 9\.0") as refused:
        load(place)
    assert "update" in refused.value.fix


@pytest.mark.parametrize("key", ["encoder", "labels"])
def test_a_manifest_altered_within_is_found_or_does_no_harm(place, key):
    manifest = json.loads((place / "manifest.json").read_text())
    del manifest[key]
    (place / "manifest.json").write_text(json.dumps(manifest))
    if key == "labels":
        assert load(place).label_kind == "text"
    else:
        with pytest.raises(ModelError, match="cannot be read"):
            load(place)


def test_another_encoder_is_refused(place):
    manifest = json.loads((place / "manifest.json").read_text())
    manifest["encoder"]["fingerprint"] = "0" * 64
    (place / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="no longer the one"):
        load(place)


def test_no_directory_and_no_model_are_told_apart(place, tmp_path):
    with pytest.raises(ModelError, match="There is no model directory"):
        load(tmp_path / "nowhere")
    (place / "manifest.json").unlink()
    with pytest.raises(ModelError, match=r"has no manifest\.json"):
        load(place)


def test_what_was_loaded_can_be_saved_again_bit_for_bit(place, tmp_path):
    save(load(place), tmp_path / "again")
    assert listing(tmp_path / "again") == listing(place)


def test_a_full_disk_costs_nothing_that_was_there(fitted, place, tmp_path, monkeypatch):
    before = listing(tmp_path)

    def full(path, tensors):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(module, "_write_tensors", full)
    with pytest.raises(OutputError, match="disk is full"):
        save(fitted, place)
    assert listing(tmp_path) == before


def test_an_interrupt_while_saving_costs_nothing_that_was_there(fitted, place, tmp_path, monkeypatch):
    before = listing(tmp_path)

    def interrupted(path, value):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_json", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(fitted, place)
    assert listing(tmp_path) == before


def test_a_place_with_other_files_is_left_alone(fitted, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="no graphtune model"):
        save(fitted, tmp_path)
    with pytest.raises(OutputError, match="is a file"):
        save(fitted, tmp_path / "thesis.txt")
    with pytest.raises(OutputError, match="no graphtune model"):
        fit_table(table(), plan=plan(), into=tmp_path)
    assert listing(tmp_path) == {"thesis.txt": b"years of work"}


def test_a_model_replaces_another(fitted, place):
    shutil.rmtree(place / "graph")
    save(fitted, place)
    assert load(place).classes == fitted.classes
