"""What a model with a graph says of texts, learned by one that reads each text by itself."""

import csv
from dataclasses import replace
from pathlib import Path

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
from graphtune.select.distilled import Distilled, FittedDistilled
from graphtune.strategy import Distil, Full
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
    assert "rows of up to 20,000 labelled texts stay" in card
    assert model.rejection is not None
    assert len(model.rejection.near) > 0
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
    assert isinstance(model.predictor, FittedDistilled)
    assert model.predictor.several
    assert model.calibration == before.calibration
    some = before.stored.texts
    apart = np.abs(model.probabilities(some) - before.probabilities(some))
    assert apart.mean() < 0.1
    assert (into / "words.json").is_file()
    assert Plan.read(into / "plan.toml").candidates == (before.candidate,)  # what it learned from


def test_what_is_for_one_label_is_refused_for_several(several):
    data = load(several).data
    said, nothing = np.full((len(data.labels), 2), 0.5, dtype=np.float32), np.full_like(data.labels, -1)
    for more in ({"share": 0.5}, {"temperature": 2.0}):
        student = Distilled(Distil(**more), graph=None)
        with pytest.raises(PlanError, match="are for texts with one label") as refused:
            student.taught(data, said, nothing, seed=0)
        assert "leave them out" in refused.value.fix


def test_what_is_measured_is_what_is_written_also_of_an_exported_encoder(exported, tmp_path):
    def size(folder: Path) -> int:
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())

    own, into = fitted(exported.name, BASE, tmp_path / "model"), tmp_path / "small"
    found = compress(str(own), into, steps=[WithoutGraph(epochs=2)], table=rows(), most=100.0, timing=False)
    assert found.before.size_bytes == size(own) + size(Path(exported.name))
    # What is told of it was written with sizes that were not known yet.
    assert found.after.size_bytes == pytest.approx(size(into), abs=200)
    assert "encoder/model.onnx" in listing(into)


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


def test_no_text_is_looked_at_and_judges(smoothed):
    subject = Subject.of(str(smoothed))
    assert subject.model is not None
    held = subject.model.stored.texts
    twice = replace(subject.model.stored, texts=(*held, *held))
    doubled = replace(subject, model=replace(subject.model, stored=twice))
    some = texts(120)
    names = ["cat" if "cat" in text else "none" for text in some]
    table = from_lists([*some, *some, *some[:40]], ["", *names[1:], *names, *[""] * 40])
    tested = from_lists([*some[:60], *some[:90]], split=["test"] * 60 + ["train"] * 90)
    every = from_lists([*some[:9], *some[:9]], split=["test"] * 9 + ["train"] * 9)
    for learns in (False, True):
        for one in (None, table, tested, every):
            looked, judging = divided(doubled, one, 0, learns=learns)
            assert len(looked) == len(set(looked)) > 0
            assert len(judging.texts) == len(set(judging.texts)) > 0
            assert set(looked).isdisjoint(judging.texts)
        assert not (divided(doubled, table, 0, learns=learns)[1].labels < 0).any()
        assert set(divided(doubled, tested, 0, learns=learns)[1].texts) == set(some[:60])
    with pytest.raises(TableError, match="has 1 text:"):
        divided(doubled, from_lists(["the cat", "the cat"]), 0)


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
    assert "Most of these, or all, are texts that the model holds" in out
    assert "learning what the model says of" in err
    asked_of = texts(60)[40:50]
    (tmp_path / "new.csv").write_text("\n".join(["text", *asked_of]) + "\n")
    assert main(["predict", "small", "new.csv", "--out", "told.csv"]) == 0
    capsys.readouterr()
    with (tmp_path / "told.csv").open(newline="") as file:
        told = [row["label"] for row in csv.DictReader(file)]
    model = load(tmp_path / "small")
    assert told == [model.classes[at] for at in model.probabilities(asked_of).argmax(axis=1)]
    assert main([*asked, "--int8"]) == 2
    assert "needs the extra 'onnx'" in capsys.readouterr().err
