"""A smaller model predicts like any other; one that lost too much leaves nothing behind."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from compress_texts import texts
from safetensors.torch import load_file

from graphtune.artefact import digests
from graphtune.compress import Export, Int8, Prune, Subject, WithoutGraph, compress
from graphtune.compress.checked import Texts, compared
from graphtune.compress.row_likeness import overlap
from graphtune.compress.texts import divided
from graphtune.encoder import Onnx, Transformer
from graphtune.encoder.onnx import MODEL
from graphtune.errors import CompressionError, EncoderError, ModelError, OutputError, PlanError, TableError
from graphtune.graph import Neighbours
from graphtune.plan import Plan
from graphtune.run import fit_table, load, save
from graphtune.run.classifier import TextClassifier
from graphtune.select import NamedGraph, Probe, Propagated
from graphtune.select.tuned import Tuned
from graphtune.strategy import EncoderTuning
from graphtune.table import Table, from_lists

QUICK = (NamedGraph("meaning", Neighbours(3)),)


@dataclass(frozen=True)
class Given:
    """A step that puts an encoder in the place of another."""

    encoder: Onnx
    said: str = "given"

    def apply(self, subject: Subject, texts, place: Path) -> Subject:
        assert len(texts)
        return subject.with_encoder(self.encoder)


def rows(*, test: int = 24) -> Table:
    """Return texts whose class is their length, test rows among them."""
    some = texts(60)
    labels = [("short", "middle", "long")[min(2, len(text) // 60)] for text in some]
    return from_lists(some, labels, split=["train"] * (60 - test) + ["test"] * test)


def fitted(encoder: str, candidate, into: Path) -> Path:
    settings = {"budget_seconds": 60.0, "class_names": False, "exactly": True}
    plan = Plan(
        encoder=encoder, graphs=QUICK if candidate.graphs else (), candidates=(candidate,), **settings
    )
    fit_table(rows(), plan=plan, into=into)
    return into


@pytest.fixture(scope="module")
def with_graph(exported, tmp_path_factory) -> Path:
    return fitted(exported.name, Propagated("meaning", "meaning"), tmp_path_factory.mktemp("graph") / "model")


@pytest.fixture(scope="module")
def tuned(tiny_bert, tmp_path_factory) -> Path:
    candidate = Tuned(blocks=1, strategy=EncoderTuning(epochs=1), texts=40)
    return fitted(str(tiny_bert), candidate, tmp_path_factory.mktemp("tuned") / "model")


def listing(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_a_model_with_a_graph_carries_its_own_small_encoder(with_graph, exported, tmp_path):
    into = tmp_path / "small"
    found = compress(str(with_graph), into, steps=[Int8()], table=rows(), most=100.0, timing=False)
    assert (found.texts, found.labelled, found.measure, found.seen) == (24, 24, "accuracy", False)
    assert found.agreement > 0.9
    assert found.cosine > 0.999
    assert found.before.accuracy is not None
    assert {"encoder/model.onnx", "encoder/tokenizer.json", "encoder/onnx.json"} < set(listing(into))
    manifest = json.loads((into / "manifest.json").read_text())
    assert manifest["format"] == 5
    assert set(manifest["files"]) == set(listing(into)) - {"manifest.json"}
    assert json.loads((with_graph / "manifest.json").read_text())["format"] == 3
    model = load(into)
    assert model.compression == found
    assert model.maker.encoder.number_format == "int8"
    assert "| accuracy |" in (into / "README.md").read_text()
    assert model.neighbours(["the cat"], 2)[0]
    again = TextClassifier.load(into)
    again.save(tmp_path / "again")
    assert listing(tmp_path / "again") == listing(into)
    np.testing.assert_array_equal(
        load(tmp_path / "again").probabilities(texts(9)), model.probabilities(texts(9))
    )


@pytest.fixture(scope="module")
def of_blocks(tiny_bert, tmp_path_factory) -> Path:
    return fitted(str(tiny_bert), Probe("blocks"), tmp_path_factory.mktemp("blocks") / "model")


def test_a_model_of_several_blocks_is_exported_with_them(of_blocks, tmp_path):
    steps = [Export(), Int8()]
    found = compress(str(of_blocks), tmp_path / "small", steps=steps, table=rows(), most=100.0, timing=False)
    assert found.agreement > 0.9
    model = load(tmp_path / "small")
    assert model.maker.blocks == model.maker.encoder.blocks == (1, 2, 3)
    wanted = load(of_blocks).probabilities(texts(9))
    np.testing.assert_allclose(model.probabilities(texts(9)), wanted, atol=0.05)


def test_what_reads_several_blocks_is_pruned_when_one_takes_their_place(of_blocks, tmp_path):
    asked = {"table": rows(), "most": 100.0, "timing": False}
    with pytest.raises(ModelError, match="reads several blocks") as refused:
        compress(str(of_blocks), tmp_path / "small", steps=[Prune(seconds=0.0)], **asked)
    assert "--graph-free" in refused.value.fix
    steps = [WithoutGraph(epochs=2), Prune(seconds=0.0)]
    compress(str(of_blocks), tmp_path / "small", steps=steps, **asked)
    assert load(tmp_path / "small").maker.blocks == ()


def rewritten(place: Path, facts: dict, **manifest) -> None:
    """Let a saved model tell other facts of how it was made smaller, as if it had been written so."""
    (place / "compression.json").write_text(json.dumps(facts))
    said = json.loads((place / "manifest.json").read_text()) | manifest
    said["files"] = digests(place, leave_out=frozenset({"manifest.json"}))
    (place / "manifest.json").write_text(json.dumps(said))


def test_one_of_the_format_before_is_read_and_one_that_tells_more_refused(with_graph, exported, tmp_path):
    into = tmp_path / "small"
    found = compress(str(with_graph), into, steps=[Given(exported)], table=rows(), most=100.0, timing=False)
    facts = found.facts()
    del facts["graph_left"]  # which was not told then
    rewritten(into, facts, format=4)
    assert load(into).compression == found
    rewritten(into, facts | {"unheard_of": 1}, graphtune="0.9.9")
    with pytest.raises(ModelError, match=r"graphtune 0\.9\.9, cannot be read") as refused:
        load(into)
    assert "update graphtune" in refused.value.fix


def test_a_new_process_says_the_same(with_graph, tmp_path):
    compress(str(with_graph), tmp_path / "small", steps=[Int8()], most=100.0, timing=False)
    ours = TextClassifier.load(tmp_path / "small").predict_proba(texts(7))
    script = (
        "import sys, json; from graphtune import TextClassifier; "
        "model = TextClassifier.load(sys.argv[1]); "
        "print(json.dumps(model.predict_proba(json.loads(sys.argv[2])).tolist())); "
        "assert 'transformers' not in sys.modules, 'what is exported needs no transformers'"
    )
    asked = [sys.executable, "-c", script, str(tmp_path / "small"), json.dumps(texts(7))]
    told = json.loads(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
    np.testing.assert_array_equal(np.array(told, dtype=np.float32), ours)


def test_a_tuned_encoder_serves_by_itself_and_needs_its_base_for_strange_texts_only(
    tuned, exported, tiny_bert, tmp_path
):
    found = compress(
        str(tuned), tmp_path / "small", steps=[Given(exported)], most=100.0, timing=False, table=rows()
    )
    assert found.steps == ("given",)
    model = load(tmp_path / "small")
    head = Subject.of(str(tuned)).head
    assert head is not None
    scores = exported.encode(texts(5)) @ head.weight + head.bias
    wanted = model.calibration.apply(torch.softmax(scores, dim=1).numpy())
    np.testing.assert_allclose(model.probabilities(texts(5)), wanted, atol=1e-5)
    assert (model.rejection is None) == (load(tuned).rejection is None)
    moved = tiny_bert.with_name("elsewhere")
    tiny_bert.rename(moved)
    try:
        alone = load(tmp_path / "small")
        np.testing.assert_array_equal(alone.probabilities(texts(5)), model.probabilities(texts(5)))
        assert alone.rejection is None
    finally:
        moved.rename(tiny_bert)
    assert not list((tmp_path / "small" / "encoder").glob("*.safetensors"))


def test_export_takes_the_encoder_that_was_tuned(tuned, exported, tmp_path, monkeypatch):
    asked = []

    def written(rows, file, name):  # an export of its own would take most of these tests' time
        asked.append(rows)
        shutil.copyfile(exported.directory / MODEL, file)

    monkeypatch.setattr("graphtune.compress.exported._write", written)
    with pytest.raises(EncoderError, match="computes something else"):
        Export().apply(Subject.of(str(tuned)), ["the cat"], tmp_path / "first")
    monkeypatch.setattr("graphtune.compress.exported._check", lambda *_: None)
    after = Export().apply(Subject.of(str(tuned)), ["the cat"], tmp_path / "second")
    assert isinstance(after.encoder, Onnx)
    assert after.encoder.facts.source == Subject.of(str(tuned)).encoder.fingerprint
    assert Export().apply(after, ["the cat"], tmp_path / "third") is after
    name = "encoder.layer.2.output.dense.weight"
    own = load_file(tuned / "encoder" / "model.safetensors")[name]
    torch.testing.assert_close(asked[0].encoder.state_dict()[name], own)


def test_a_model_that_lost_too_much_is_refused_and_nothing_is_left(with_graph, exported, tmp_path):
    @dataclass(frozen=True)
    class Spoilt(Given):
        def apply(self, subject: Subject, texts, place: Path) -> Subject:
            # Predictions of another order of the classes.
            assert subject.model is not None
            model = replace(subject.model, predictor=_Turned(subject.model.predictor))
            return replace(subject, model=model)

    into = tmp_path / "small"
    own = load(with_graph)
    right = [own.classes[at] for at in own.probabilities(texts(60)).argmax(axis=1)]
    asked = from_lists(list(rows().texts), right, split=list(rows().split), keep_rare=True)
    with pytest.raises(CompressionError) as refused:
        compress(str(with_graph), into, steps=[Spoilt(exported)], table=asked, timing=False)
    assert "accuracy falls by 100.00 points" in refused.value.problem
    assert "0.5 are allowed" in refused.value.problem
    assert "--max-drop" in refused.value.fix
    bare = from_lists(list(rows().texts), split=list(rows().split))
    with pytest.raises(CompressionError, match="keep their label"):
        compress(str(with_graph), into, steps=[Spoilt(exported)], table=bare, timing=False)
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == []


class _Turned:
    def __init__(self, real) -> None:
        self.real, self.learned, self.size = real, real.learned, real.size

    def at(self, data, nodes):
        return np.roll(self.real.at(data, nodes), 1, axis=1)

    def attach(self, data, new):
        return np.roll(self.real.attach(data, new), 1, axis=1)

    def tensors(self):
        return self.real.tensors()


def test_an_encoder_by_itself_is_judged_by_its_rows(exported, tmp_path):
    into = tmp_path / "small"
    found = compress(exported.name, into, steps=[Int8()], table=rows(), timing=False)
    assert (found.measure, found.before.accuracy) == ("cosine", None)
    assert found.drop == pytest.approx(100 * (1 - found.cosine))
    assert listing(into) == ["README.md", "compression.json", "model.onnx", "onnx.json", "tokenizer.json"]
    assert Onnx(str(into)).encode(["the cat"]).shape == (1, 32)
    with pytest.raises(CompressionError, match="cosine"):
        compress(exported.name, tmp_path / "no", steps=[Int8()], table=rows(), most=0.0, timing=False)
    assert not (tmp_path / "no").exists()


def test_memory_and_seconds_are_measured_apart(exported, tmp_path, monkeypatch):
    monkeypatch.setattr("graphtune.compress.footprint._SINGLES", 2)
    monkeypatch.setattr("graphtune.compress.footprint._TURNS", 1)
    found = compress(exported.name, tmp_path / "small", steps=[Int8()], table=rows())
    for one in (found.before.footprint, found.after.footprint):
        assert one is not None
        assert one.peak_bytes > 2**24
        assert 0 < one.one_p50_ms <= one.one_p95_ms
        assert one.many == 64
        assert one.texts_per_second == pytest.approx(64000 / one.many_p50_ms, rel=1e-6)
    assert "texts per second" in (tmp_path / "small" / "README.md").read_text()


def test_what_judges_is_never_looked_at(with_graph):
    subject = Subject.of(str(with_graph))
    looked, judging = divided(subject, rows(), 0)
    assert set(looked).isdisjoint(judging.texts)
    assert set(judging.texts) == set(texts(60)[36:])
    looked, judging = divided(subject, None, 0)
    assert set(looked).isdisjoint(judging.texts)
    assert judging.seen
    names = ["long", "long", "short", "short", "never seen"]
    strange = from_lists(["a", "b", "c", "d", "e"], names, split=["train"] * 4 + ["test"])
    assert divided(subject, strange, 0)[1].labels.tolist() == [3]


def test_figures_are_those_of_the_texts(exported):
    subject = Subject(exported, None)
    some = Texts(texts(30), np.full(30, -1))
    found = compared(subject, subject, some, steps=["none"], most=0.5)
    assert (found.neighbours, found.drop) == (1.0, pytest.approx(0, abs=1e-4))
    x = torch.nn.functional.normalize(torch.randn(40, 8), dim=1)
    y = torch.nn.functional.normalize(torch.randn(40, 8), dim=1)
    each = [
        len(set(a.tolist()) & set(b.tolist())) / 10
        for a, b in zip(*((r @ r.T - 9 * torch.eye(40)).topk(10).indices for r in (x, y)), strict=True)
    ]
    assert overlap(x, y) == pytest.approx(np.mean(each))


def test_what_cannot_be_made_smaller_is_refused(with_graph, tuned, exported, tiny_bert, tmp_path):
    def refused(error, said, source, **settings):
        asked = {"steps": [Int8()], "table": rows(), "timing": False} | settings
        with pytest.raises(error, match=said) as found:
            compress(str(source), tmp_path / "small", **asked)
        assert found.value.fix
        assert not (tmp_path / "small").exists()

    refused(PlanError, "nothing to do", with_graph, steps=[])
    refused(PlanError, "cannot be lost", with_graph, most=-1.0)
    refused(PlanError, "for an exported encoder", tiny_bert)
    refused(ModelError, "is no transformer but tfidf", "tfidf")
    refused(ModelError, "is no transformer but static", "static")
    (tmp_path / "other").mkdir()
    refused(ModelError, "neither a model that fit has written nor an encoder", tmp_path / "other")
    refused(TableError, "holds no texts", exported.name, table=None)
    refused(TableError, "has 1 text:", exported.name, table=from_lists(["the cat", " "]))
    with pytest.raises(OutputError, match="would be lost"):
        compress(str(with_graph), with_graph, steps=[Int8()])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep me")
    for source in (with_graph, exported.name):
        with pytest.raises(OutputError, match="has files in it"):
            compress(str(source), tmp_path / "full", steps=[Int8()], table=rows())
    assert (tmp_path / "full" / "mine.txt").read_text() == "keep me"
    words = fitted("tfidf", Probe(), tmp_path / "words")
    refused(ModelError, "is no transformer but tfidf", words)


def test_what_was_exported_is_not_pruned(exported, tmp_path):
    with pytest.raises(ModelError, match="cannot be pruned"):
        Prune().apply(Subject.of(exported.name), texts(9), tmp_path / "pruned")


def test_what_reads_the_inside_of_a_transformer_is_refused(exported, tiny_bert, tmp_path):
    from graphtune.select.window import Window

    model = load(fitted(str(tiny_bert), Window(width=8, steps=1), tmp_path / "window"))
    with pytest.raises(ModelError, match="reads the inside of its transformer"):
        Subject(Transformer(str(tiny_bert)), model).with_encoder(exported)
    save(model, tmp_path / "again")
