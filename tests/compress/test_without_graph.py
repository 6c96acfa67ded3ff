"""What a model with a graph says of texts, learned by one that reads each text by itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from compress_texts import texts
from test_compress import QUICK, fitted, listing, rows

from graphtune.cli.app import main
from graphtune.compress import Prune, Subject, WithoutGraph, compress
from graphtune.compress.texts import divided
from graphtune.compress.without_graph import _said
from graphtune.encoder import Transformer
from graphtune.errors import ModelError, PlanError, TableError
from graphtune.layer import SAGE
from graphtune.plan import Plan
from graphtune.run import fit_table, load
from graphtune.run.classifier import TextClassifier
from graphtune.select import Mean, Network, Probe, Propagated, Smoothed
from graphtune.select.calibration import Calibration
from graphtune.select.distilled import FittedDistilled
from graphtune.strategy import Full
from graphtune.table import from_lists

BASE = Propagated("meaning", "meaning")
NETWORK = Network(SAGE, width=8, depth=1, strategy=Full(epochs=5))


@pytest.fixture(scope="module")
def smoothed(tiny_bert, tmp_path_factory):
    candidate = Mean((BASE, Smoothed(BASE, "meaning")), (0.5, 2.0))
    return fitted(str(tiny_bert), candidate, tmp_path_factory.mktemp("smoothed") / "model")


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    some = texts(60)
    names = [[name for name in ("cat", "dog") if name in text] for text in some]
    table = from_lists(some, names, split=["train"] * 44 + ["test"] * 16, several=True)
    plan = Plan(
        encoder="tfidf", graphs=QUICK, candidates=(BASE,), class_names=False, exactly=True, separator=";"
    )
    into = tmp_path_factory.mktemp("several") / "model"
    fit_table(table, plan=plan, into=into)
    return into


def test_it_comes_near_the_graph_and_holds_no_text(smoothed, tmp_path):
    into = tmp_path / "small"
    found = compress(str(smoothed), into, steps=[WithoutGraph()], table=rows(), most=100.0, timing=False)
    assert found.graph_left
    assert found.cosine == pytest.approx(1.0, abs=1e-4)
    assert found.agreement > 0.8
    assert not any(name.startswith(("graph", "words")) for name in listing(into))
    assert not any(texts(60)[0].encode() in file.read_bytes() for file in into.rglob("*") if file.is_file())
    model, before = load(into), load(smoothed)
    assert (model.compression, model.stored.texts, model.candidate.graphs) == (found, (), frozenset())
    assert model.calibration == before.calibration
    assert str(model.candidate) == "MLP(meaning, 128), taught"
    asked = texts(60)[40:]
    apart = np.abs(model.probabilities(asked) - before.probabilities(asked)).max(axis=1)
    assert np.median(apart) < 0.15
    assert model.judged(asked)[1].shape == (20,)  # how likely they are of no class
    with pytest.raises(ModelError, match="without a graph"):
        model.neighbours(["the cat"])
    card = (into / "README.md").read_text()
    assert "reads each text by itself" in card
    assert "The folder holds texts" not in card
    assert "The folder holds texts" in (smoothed / "README.md").read_text()
    again = TextClassifier.load(into)
    again.save(tmp_path / "again")
    assert listing(tmp_path / "again") == listing(into)
    np.testing.assert_array_equal(load(tmp_path / "again").probabilities(asked), model.probabilities(asked))


def test_calibrating_what_it_says_gives_what_it_learned(smoothed, tmp_path):
    before = Subject.of(str(smoothed))
    assert before.model is not None
    hot = Calibration(2.5, (0.5, 1.0, 3.0))
    changed = Subject(before.encoder, replace(before.model, calibration=hot))
    wanted = hot.apply(_said(before.model, list(texts(60)[:36])))
    for width in (0, 16):
        step = WithoutGraph(width=width, epochs=200)
        after = step.apply(changed, texts(60)[:36], tmp_path).model
        assert after is not None
        found = after.probabilities(texts(60)[:36])
        assert (found.argmax(axis=1) == wanted.argmax(axis=1)).mean() > 0.9
        assert np.abs(found - wanted).mean() < 0.08


def test_nodes_are_asked_as_nodes_also_of_a_restored_network(tiny_bert, tmp_path):
    place = fitted(str(tiny_bert), NETWORK, tmp_path / "network")
    model = load(place)
    every = np.arange(len(model.stored.texts))
    found = model.predictor.at(model.data, every)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    held = list(model.stored.texts)
    np.testing.assert_allclose(_said(model, [*held[:3], "a new cat"])[:3], found[:3], atol=1e-6)
    np.testing.assert_allclose(_said(model, ["a new cat"]), model.read(["a new cat"])[0], atol=1e-6)
    after = WithoutGraph(epochs=2).apply(Subject.of(str(place)), held, tmp_path)
    assert after.model is not None
    assert not after.model.candidate.graphs


def test_texts_may_have_several_labels_and_an_encoder_that_counts_words(several, tmp_path):
    into = tmp_path / "small"
    found = compress(
        str(several), into, steps=[WithoutGraph(epochs=300)], table=None, most=100.0, timing=False
    )
    model, before = load(into), load(several)
    assert found.measure == "agreement"
    assert model.several
    assert model.calibration == before.calibration
    some = before.stored.texts
    apart = np.abs(model.probabilities(some) - before.probabilities(some))
    assert apart.mean() < 0.1
    assert (into / "words.json").is_file()


def test_a_smaller_encoder_goes_with_it(smoothed, exported, tmp_path):
    before = Subject.of(str(smoothed))
    alone = WithoutGraph(epochs=5).apply(before, texts(36), tmp_path)
    pruned = Prune(0.3, "units", seconds=0.0).apply(alone, texts(36), tmp_path / "pruned")
    assert isinstance(pruned.encoder, Transformer)
    for after in (pruned, alone.with_encoder(exported)):
        assert after.model is not None
        rows_of = after.rows(texts(5))
        wanted = after.model.predictor.attach(after.model.data, after.model._new(texts(5), ("",) * 5, None))
        np.testing.assert_allclose(after.probabilities(texts(5)), after.model.calibration.apply(wanted))
        assert isinstance(after.model.predictor, FittedDistilled)
        head = after.model.predictor.maps()
        scores = head[1](torch.relu(head[0](rows_of)))
        np.testing.assert_allclose(torch.softmax(scores, 1).detach(), wanted, atol=1e-5)


def test_what_learns_has_more_texts_and_none_that_judge(smoothed):
    subject = Subject.of(str(smoothed))
    assert subject.model is not None
    held = set(subject.model.stored.texts)
    looked, judging = divided(subject, None, 0, learns=True)
    assert set(looked) | set(judging.texts) == held
    assert set(looked).isdisjoint(judging.texts)
    assert len(judging.texts) == -(-len(held) // 4)
    looked, judging = divided(subject, rows(), 0, learns=True)
    assert held <= set(looked)
    assert set(looked).isdisjoint(judging.texts)
    assert not judging.seen
    some = texts(200)
    looked, judging = divided(subject, from_lists([*some, *held]), 0)
    assert set(judging.texts).isdisjoint(held)
    assert held <= set(looked)
    assert divided(subject, from_lists(list(held)), 0)[1].seen


@pytest.fixture(scope="module")
def probe(tiny_bert, tmp_path_factory):
    return fitted(str(tiny_bert), Probe(), tmp_path_factory.mktemp("probe") / "model")


def test_what_has_no_graph_is_refused(smoothed, probe, tiny_bert, exported, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("text\n" + "\n".join(texts(9)) + "\n")
    asked = ("--graph-free", "--data", "rows.csv", "--into", "small", "--no-timing")
    for source, said in (
        (probe, "reads no graph of texts"),
        (tiny_bert, "An encoder by itself has no graph"),
    ):
        assert main(["compress", str(source), *asked]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert "fix: " in err
        assert "Traceback" not in err
    assert not (tmp_path / "small").exists()
    with pytest.raises(TableError, match="no text to learn from"):
        WithoutGraph().apply(Subject.of(str(smoothed)), ["", "  "], tmp_path)
    with pytest.raises(PlanError, match="width = -1"):
        WithoutGraph(width=-1)
    with pytest.raises(PlanError, match="epochs = 0"):
        WithoutGraph(epochs=0)


def test_the_command_needs_no_onnx(smoothed, tmp_path, monkeypatch, capsys):
    real = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if "onnx" in name else real(name, *more)
    )
    monkeypatch.chdir(tmp_path)
    asked = ["compress", str(smoothed), "--graph-free", "--max-drop", "100", "--no-timing", "--into", "small"]
    assert main(asked) == 0
    out, err = capsys.readouterr()
    assert "made: the graph's place taken by a network of one hidden layer, in small" in out
    assert "texts that the model holds" in out
    assert "learning what the model says of" in err
    assert main(["predict", "small", str(tmp_path / "small" / "labels.json")]) == 2  # no table, but loaded
    assert main([*asked, "--int8"]) == 2
    assert "needs the extra 'onnx'" in capsys.readouterr().err
