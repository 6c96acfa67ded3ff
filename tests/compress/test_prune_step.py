"""Pruning as a step of compressing: a model goes on with what is left, and the command asks for it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compress_texts import texts
from test_compress import fitted, listing, rows

from graphtune.cli.app import main
from graphtune.cli.compress import _pruning
from graphtune.compress import Prune, Subject, compress, prune_step
from graphtune.compress.checked import size_of
from graphtune.encoder import Transformer, from_name
from graphtune.errors import ModelError, OutputError, PlanError
from graphtune.run import load
from graphtune.run.classifier import TextClassifier
from graphtune.select import Mean, Probe, Propagated, Smoothed
from graphtune.select.fitted_tuned import FittedTuned
from graphtune.select.tuned import Tuned
from graphtune.strategy import EncoderTuning


def bytes_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def without_onnx(monkeypatch) -> None:
    real = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if "onnx" in name else real(name, *more)
    )


def test_an_encoder_becomes_a_directory_that_reads_texts_and_can_be_tuned(
    tiny_bert, tmp_path, monkeypatch, capsys
):
    without_onnx(monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("text\n" + "\n".join(texts(40)) + "\n")
    asked = ["--prune", "30%", "--distil", "0s", "--data", "rows.csv", "--no-timing", "--max-drop", "100"]
    assert main(["compress", str(tiny_bert), *asked, "--into", "small"]) == 0
    assert "use it: graphtune fit TABLE --encoder small" in capsys.readouterr().out
    into = tmp_path / "small"
    assert not list(into.rglob("*.onnx"))
    found = json.loads((into / "compression.json").read_text())
    assert found["after"]["size_bytes"] < found["before"]["size_bytes"]
    small = from_name("small")
    assert isinstance(small, Transformer)
    assert small.encode(texts(3)).shape == (3, 32)
    before, fingerprint = small.parameters, small.fingerprint
    (into / "compression.json").unlink()  # tells what it cost, and is no part of it
    assert small.fingerprint == fingerprint
    assert before < Transformer(str(tiny_bert)).parameters
    tuned = fitted(str(into), Tuned(blocks=1, strategy=EncoderTuning(epochs=1), texts=40), tmp_path / "model")
    assert json.loads((tuned / "encoder" / "pruned.json").read_text())["blocks"]
    assert load(tuned).probabilities(texts(2)).shape == (2, 3)


def test_a_model_with_a_graph_carries_what_is_left(tiny_bert, tmp_path):
    own = fitted(str(tiny_bert), Propagated("meaning", "meaning"), tmp_path / "model")
    into = tmp_path / "small"
    steps = [Prune(0.3, seconds=0.0)]
    found = compress(str(own), into, steps=steps, table=rows(), most=100.0, timing=False)
    assert {"encoder/config.json", "encoder/model.safetensors", "encoder/pruned.json"} < set(listing(into))
    assert json.loads((into / "manifest.json").read_text())["format"] == 5
    model = load(into)
    assert model.compression == found
    assert isinstance(model.maker.encoder, Transformer)
    assert found.after.size_bytes == pytest.approx(bytes_of(into), rel=0.1)
    assert size_of(into, model.maker.encoder) == bytes_of(into)
    asked = texts(5)
    assert not np.allclose(model.probabilities(asked), load(own).probabilities(asked))
    assert model.neighbours(["the cat"], 2)[0]
    moved = tiny_bert.with_name("gone")
    tiny_bert.rename(moved)
    try:
        alone = TextClassifier.load(into)
        alone.save(tmp_path / "again")
        assert listing(tmp_path / "again") == listing(into)
        into.rename(tmp_path / "elsewhere")
        again = load(tmp_path / "again")
        (tmp_path / "elsewhere").rename(into)
        np.testing.assert_array_equal(again.probabilities(asked), model.probabilities(asked))
    finally:
        moved.rename(tiny_bert)
    plain = fitted(str(into / "encoder"), Probe(), tmp_path / "plain")
    assert not (plain / "encoder").exists()


def test_what_reads_the_inside_stays_as_it_is(tiny_bert, tmp_path):
    own = Subject.of(str(fitted(str(tiny_bert), Probe(), tmp_path / "model")))
    assert own.model is not None
    for candidate in (Mean((Tuned(), Probe())), Smoothed(Tuned(), "meaning")):
        inside = Subject(own.encoder, replace(own.model, candidate=candidate))
        with pytest.raises(ModelError, match="reads the inside") as refused:
            inside.with_encoder(Transformer(str(tiny_bert)))
        assert "--graph-free" in refused.value.fix


def test_no_model_is_lost_for_an_encoder(tiny_bert, tmp_path):
    place = tmp_path / "model"
    place.mkdir()
    for name in ("manifest.json", "compression.json"):
        (place / name).write_text("{}")
    with pytest.raises(OutputError, match="has files in it"):
        compress(str(tiny_bert), place, steps=[Prune(seconds=0.0)], table=rows(), timing=False)


def test_a_tuned_model_reads_texts_by_what_is_left_of_its_encoder(tiny_bert, tmp_path, monkeypatch):
    asked = []
    usual = prune_step.prune
    monkeypatch.setattr(prune_step, "prune", lambda *a, **more: asked.append(more) or usual(*a, **more))
    candidate = Tuned(blocks=1, strategy=EncoderTuning(epochs=1), texts=40)
    before = Subject.of(str(fitted(str(tiny_bert), candidate, tmp_path / "model")))
    after = Prune(0.3, "units", seconds=0.5).apply(before, texts(60), tmp_path / "pruned")
    assert isinstance(after.encoder, Transformer)
    assert after.model is not None
    assert isinstance(after.model.predictor, FittedTuned)
    assert isinstance(before.encoder, Transformer)
    assert after.encoder.parameters < before.encoder.parameters
    assert [given["head"] for given in asked] == [before.head]
    assert before.head is not None
    assert after.head is not None
    np.testing.assert_array_equal(after.head.weight.numpy(), before.head.weight.numpy())
    found = after.probabilities(texts(9))
    assert found.shape == (9, 3)
    assert not np.allclose(found, before.probabilities(texts(9)))


def test_the_command_asks_for_a_share_a_way_and_a_time():
    assert _pruning("30%", "blocks", "90s") == Prune(0.3, "blocks", 90.0)
    assert _pruning("0.5", "groups", "0s") == Prune(0.5, "groups", 0.0)
    assert "heads and units of 50% of the FLOPs pruned" in Prune(0.5, seconds=0.0).said
    with pytest.raises(PlanError, match="is no time"):
        Prune(seconds=-1.0)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--prune", "none"), "--prune 'none' is no share"),
        (("--prune", "100%"), "share = 1.0"),
        (("--prune", "130%"), "out of range"),
        (("--int8", "--way", "blocks"), "are for --prune"),
        (("--int8", "--distil", "1m"), "are for --prune"),
    ],
)
def test_wrong_options_are_refused_before_any_work(more, said, tiny_bert, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["compress", str(tiny_bert), "--into", "small", *more]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
