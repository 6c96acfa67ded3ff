"""Layers that were pre-trained, on disk and back."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from graphtune.errors import ModelError, OutputError, PlanError
from graphtune.initial import Pretrained
from graphtune.initial.layers_file import (
    LayersFacts,
    count_seen,
    read_layers,
    read_layers_facts,
    write_layers,
)
from graphtune.layer import GAT, SGC
from graphtune.model import Model
from graphtune.select.grid import started
from graphtune.strategy import Full
from graphtune.strategy.started import Started
from graphtune.train import Training, train
from tasks import same, small_model, small_task, weights

FACTS = LayersFacts("Hop", 8, 5, 1, "tiny", "abc" * 20, "meaning", "DGI()", 3, 0.5)


@pytest.fixture
def saved(tmp_path):
    place = tmp_path / "made"
    write_layers(small_model(small_task(), seed=9).layers, FACTS, ["one", "two", "three"], place)
    return place


def start(directory, model=None, task=None):
    task = small_task() if task is None else task
    model = small_model(task) if model is None else model
    train(Pretrained(str(directory)), model, task, Training(), seed=0)
    return weights(model)


def test_the_layers_become_the_saved_ones_and_the_head_stays(saved):
    found, own, theirs = (
        start(saved),
        weights(small_model(small_task())),
        weights(small_model(small_task(), seed=9)),
    )
    for name in found:
        assert torch.equal(found[name], (theirs if name.startswith("layers.") else own)[name])
    assert read_layers_facts(saved) == FACTS


def test_a_tuned_network_does_not_need_the_directory(saved, tmp_path):
    task = small_task()
    model = small_model(task)
    train(Started(Pretrained(str(saved)), Full(epochs=3)), model, task, Training(), seed=0)
    saved.rename(tmp_path / "elsewhere")
    assert torch.isfinite(model.logits(task.features, task.graph)).all()
    assert Pretrained(str(saved)).directory == str(saved)


def test_it_is_written_anew_over_an_old_one_only(saved, tmp_path):
    other = small_model(small_task(), seed=3)
    write_layers(other.layers, replace(FACTS, loss=0.25), ["one"], saved)
    assert read_layers_facts(saved).loss == 0.25
    assert same(read_layers(saved), other.layers.state_dict())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep me")
    with pytest.raises(OutputError, match="no pre-trained network"):
        write_layers(other.layers, FACTS, [], tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_it_knows_which_texts_it_has_seen(saved):
    assert count_seen(saved, ["two", "four", "three", "two"]) == 3
    assert count_seen(saved, []) == 0


def test_other_networks_are_refused_with_both_sides_named(saved):
    task = small_task()
    wide = small_model(task, hidden=7)
    with pytest.raises(PlanError, match=r"a width of 5, but the one to start has 7") as error:
        start(saved, wide)
    assert "width of the saved one" in error.value.fix
    with pytest.raises(PlanError, match=r"layers 1, but the one to start has 0"):
        start(saved, small_model(task, layers=False))
    narrow = small_task(features=6)
    with pytest.raises(PlanError, match=r"features of a node: 8, but the one to start has 6") as error:
        start(saved, small_model(narrow), narrow)
    assert "encoder" in error.value.fix
    write_layers(small_model(task).layers, replace(FACTS, layer="GCN"), [], saved)
    with pytest.raises(PlanError, match=r"of the kind GCN, but the one to start has Hop"):
        start(saved)


def test_layers_that_differ_inside_are_refused(saved):
    write_layers(small_model(small_task(), hidden=6).layers, FACTS, [], saved)
    with pytest.raises(PlanError, match="layers with the weights"):
        start(saved)


def test_another_encoder_or_view_is_refused_with_both_sides_named(saved):
    found = Pretrained(str(saved))
    found.check_reads("meaning", FACTS.fingerprint)
    with pytest.raises(PlanError, match="the view meaning, but the one to start has both"):
        found.check_reads("both", FACTS.fingerprint)
    with pytest.raises(
        PlanError, match=r"encoder tiny \(abcabcabcabc…\).*another \(xxxxxxxxxxxx…\)"
    ) as error:
        found.check_reads("meaning", "x" * 60)
    assert "use the encoder tiny" in error.value.fix


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda place: [file.unlink() for file in place.iterdir()], "has no pretrained.json"),
        (lambda place: (place / "layers.safetensors").write_bytes(b"1234"), "layers.safetensors was altered"),
        (lambda place: (place / "texts.safetensors").unlink(), "texts.safetensors is missing"),
        (lambda place: (place / "pretrained.json").write_text("{"), "was altered or cut short"),
        (lambda place: (place / "pretrained.json").write_text("[1]"), "was altered or cut short"),
        (lambda place: changed(place, depth="two"), "was altered or cut short"),
        (lambda place: changed(place, files={}), "is not as it was saved"),
        (lambda place: changed(place, format=99), "newer graphtune"),
    ],
)
def test_spoiled_directories_are_refused(spoil, said, saved):
    spoil(saved)
    with pytest.raises(ModelError, match=said) as error:
        start(saved)
    assert error.value.fix


@pytest.mark.parametrize("call", ["altered", "load_file"])
def test_what_may_not_be_read_is_told(call, saved, monkeypatch):
    def forbidden(*_):
        raise PermissionError(13, "Permission denied", "layers.safetensors")

    monkeypatch.setattr(f"graphtune.initial.layers_file.{call}", forbidden)
    with pytest.raises(ModelError, match=r"cannot be read.*Permission denied") as error:
        start(saved)
    assert "permissions" in error.value.fix


@pytest.mark.parametrize(("kind", "name", "there", "here"), [(GAT, "heads", 4, 2), (SGC, "hops", 2, 3)])
def test_other_heads_and_hops_are_refused_by_name(kind, name, there, here, tmp_path):
    task = small_task()

    def model(**told) -> Model:
        return Model([kind(8, 8, **told)], nn.Linear(8, 3))

    facts = replace(FACTS, layer=kind.__name__, width=8, **{"hops": model().hops, name: there})
    write_layers(model().layers, facts, ["one"], tmp_path / "made")
    with pytest.raises(
        PlanError, match=rf"layers with {name} = {there}, but the one to start has {here}"
    ) as error:
        start(tmp_path / "made", model(**{name: here}), task)
    assert name in error.value.fix
    start(tmp_path / "made", model(**{name: there}), task)
    found = started(str(tmp_path / "made"), "links")
    assert getattr(found, name) == there
    assert found.settings == {name: there}


def test_a_directory_of_an_older_graphtune_says_neither_and_is_taken(saved):
    said = json.loads((saved / "pretrained.json").read_text())
    for name in ("heads", "hops"):
        del said[name]
    (saved / "pretrained.json").write_text(json.dumps(said))
    assert read_layers_facts(saved) == FACTS
    start(saved)


def changed(place, **facts) -> None:
    said = json.loads((place / "pretrained.json").read_text())
    (place / "pretrained.json").write_text(json.dumps(said | facts))


def test_a_missing_directory_is_refused(tmp_path):
    with pytest.raises(ModelError, match="is no directory"):
        start(tmp_path / "nowhere")
    with pytest.raises(PlanError, match="names no directory"):
        start("")
