"""Measured sensitivities: what one would find by hand, the model untouched, and nothing measured twice."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax
from torch import nn

from graphtune import progress, sensitivity
from graphtune.encoder.tunable import TunableTransformer
from graphtune.errors import EncoderError, PlanError, TrainError
from graphtune.loss import CrossEntropy
from graphtune.model.text import in_pieces
from graphtune.select.linear import LinearHead
from graphtune.sensitivity import Probing, fit_head, measured, with_measured
from graphtune.sensitivity import measure as own_module
from graphtune.sensitivity.damage import prune, quantise
from graphtune.sensitivity.head import logistic
from graphtune.sensitivity.states import Entering, cut
from graphtune.strategy import PlannedTuning
from graphtune.structure.exact import exact_scores
from graphtune.structure.plans import ModuleTuning, TuningPlan
from graphtune.train import Training, train
from small_structure import graph_of
from tasks import same, weights
from text_tasks import small_text_model, small_text_task

QUICK = Probing(steps=2, batch_rows=8, rate=1e-3, val_rows=64)
QUERY, WORDS = "encoder.layer.1.attention.self.query", "embeddings.word_embeddings"
DENSE = "encoder.layer.2.output.dense"
FEW = (QUERY, WORDS, DENSE, "head")


def model():
    found = small_text_model(0).eval()
    fit_head(found, small_text_task(0))
    return found


def scores(own) -> torch.Tensor:
    task = small_text_task(0)
    with torch.no_grad():
        return in_pieces(task, task.val, lambda batch: exact_scores(own, batch))


def loss(own) -> float:
    return float(CrossEntropy()(scores(own), small_text_task(0).held[0]))


@pytest.fixture(scope="module")
def found():
    own = model()
    return measured(graph_of(own), own, small_text_task(0), QUICK)


def test_every_module_and_the_head_alone_is_probed_and_has_its_columns(found):
    graph = graph_of(model())
    assert set(found) == {"", *graph.positions}
    columns = with_measured(graph, found)
    for name in ("tuning gain", "pruning loss", "quantisation loss"):
        assert np.isfinite(columns.column(name)).all()
    assert math.isnan(found[""].pruning_loss)
    assert len({probe.start for probe in found.values()}) <= 3  # one for each cut, all but the same
    assert columns.column("tuning gain")[graph.positions["head"]] == pytest.approx(found[""].tuning_gain)
    assert max(columns.column("tuning gain")) > 0


@pytest.mark.parametrize("name", FEW[:3])
def test_the_numbers_are_those_found_by_hand_without_any_cut(found, name):
    kind = next(node.kind for node in graph_of(model()).nodes if node.name == name)
    assert found[name].start == pytest.approx(loss(model()), abs=1e-6)
    pruned, rounded = model(), model()
    prune(pruned.encoder.model.get_submodule(name), kind, 0.5, 4)
    quantise(rounded.encoder.model.get_submodule(name), 4)
    before, *after = (softmax(scores(one).double().numpy(), axis=1) for one in (model(), pruned, rounded))
    moved = [rel_entr(before, said).sum(axis=1).mean() for said in after]
    assert [found[name].pruning_loss, found[name].quantisation_loss] == pytest.approx(moved, abs=1e-6)
    assert min(moved) > 0


def test_a_gain_is_that_of_the_training_loop_on_the_same_rows(found):
    task = small_text_task(0)
    rows = np.sort(np.random.default_rng(0).permutation(task.train.numpy())[:16])
    own = model()
    own.encoder.drops, own.dropout = False, 0.0
    plan = TuningPlan((ModuleTuning(WORDS),))
    method = PlannedTuning(plan, QUICK.rate, head_rate=QUICK.head_rate, decay=0.0, epochs=1)
    settings = Training(8, patience=None, schedule="linear", warmup=0.1, clip=1.0)
    chosen = replace(task, train=torch.from_numpy(rows), val=task.val[:0])
    # The loop draws the order of positions, which here are those of the rows.
    train(method, own, chosen, settings, seed=0)
    assert found[WORDS].tuned == pytest.approx(loss(own), abs=1e-5)


def test_the_model_stays_as_it_is_bit_for_bit():
    own = model()
    before, able = weights(own), [p.requires_grad for p in own.parameters()]
    blocks = own.encoder.blocks
    first = measured(graph_of(own), own, small_text_task(0), QUICK, only=FEW)
    assert same(before, weights(own))
    assert [p.requires_grad for p in own.parameters()] == able
    assert own.encoder.blocks == blocks
    assert not own.training
    assert not any(m._forward_hooks for m in own.modules())
    second = measured(graph_of(own), own, small_text_task(0), QUICK, only=FEW[:2])
    numbers = {name: replace(probe, seconds=0.0) for name, probe in first.items()}
    assert all(replace(probe, seconds=0.0) == numbers[name] for name, probe in second.items() if name)


def test_a_probe_that_fails_leaves_the_model_as_it_is(monkeypatch):
    own = model()
    before = weights(own)

    def break_it(module: nn.Module, bits: int) -> None:
        module.weight.data.fill_(7.0)
        raise KeyboardInterrupt

    monkeypatch.setattr(own_module, "quantise", break_it)
    with pytest.raises(KeyboardInterrupt):
        measured(graph_of(own), own, small_text_task(0), QUICK, only=[QUERY])
    assert same(before, weights(own))
    assert all(type(block).__name__ != "_StandIn" for block in own.encoder.blocks)


def test_after_a_kill_only_the_rest_is_measured(monkeypatch, tmp_path):
    own, task = model(), small_text_task(0)
    tried: list[nn.Module] = []

    def counted(module: nn.Module, bits: int) -> None:
        tried.append(module)
        if len(tried) == 3:
            raise KeyboardInterrupt
        quantise(module, bits)

    monkeypatch.setattr(own_module, "quantise", counted)
    with pytest.raises(KeyboardInterrupt):
        measured(graph_of(own), own, task, QUICK, only=FEW, into=tmp_path)
    found = measured(graph_of(own), own, task, QUICK, only=FEW, into=tmp_path)
    assert len(tried) == 3 + 2  # the one that was cut short is tried again
    again = measured(graph_of(own), own, task, QUICK, only=FEW, into=tmp_path)
    assert len(tried) == 5
    assert repr(again) == repr(found)
    fresh = measured(graph_of(own), own, task, QUICK, only=FEW)
    assert repr({n: replace(p, seconds=0.0) for n, p in fresh.items()}) == repr(
        {n: replace(p, seconds=0.0) for n, p in found.items()}
    )


def test_what_was_measured_otherwise_or_is_spoilt_is_measured_again(monkeypatch, tmp_path):
    own, task = model(), small_text_task(0)
    count = [0]

    def counted(module: nn.Module, bits: int) -> None:
        count[0] += 1
        quantise(module, bits)

    monkeypatch.setattr(own_module, "quantise", counted)

    def tried(settings: Probing) -> int:
        before = count[0]
        measured(graph_of(own), own, task, settings, only=[QUERY], into=tmp_path)
        return count[0] - before

    assert (tried(QUICK), tried(QUICK)) == (1, 0)
    assert tried(replace(QUICK, steps=1)) == 1
    for file in tmp_path.rglob("*.json"):
        facts = json.loads(file.read_text())
        file.write_text("{" if facts["name"] else json.dumps(facts))
    assert tried(QUICK) == 1
    with torch.no_grad():
        own.head.bias += 1.0
    assert tried(QUICK) == 1


def test_what_nothing_reads_gains_nothing_that_is_known():
    own = model()
    own.encoder.model.add_module("unread", nn.Linear(2, 2))
    probe = measured(graph_of(own), own, small_text_task(0), QUICK, only=["unread"])["unread"]
    assert math.isnan(probe.tuned)
    assert [probe.pruning_loss, probe.quantisation_loss] == pytest.approx([0.0, 0.0], abs=1e-9)


@pytest.mark.parametrize("frozen", [1, 2])
def test_a_cut_puts_out_what_the_whole_does(frozen):
    own, task = model(), small_text_task(0)
    states = Entering.of(own, task.texts, frozen)
    with torch.no_grad():
        expected = in_pieces(task, task.val, lambda batch: exact_scores(own, batch))
        with cut(own, frozen) as part:
            short = replace(task, texts=states)
            found = in_pieces(short, task.val, lambda batch: exact_scores(part, batch))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_an_architecture_that_cannot_be_cut_is_read_whole(monkeypatch, found):
    own = model()

    def refuse(self) -> None:
        raise EncoderError("no", fix="no")

    monkeypatch.setattr(TunableTransformer, "_cut", refuse)
    whole = measured(graph_of(own), own, small_text_task(0), QUICK, only=[QUERY])[QUERY]
    assert whole.pruning_loss == pytest.approx(found[QUERY].pruning_loss, abs=1e-6)


def test_progress_is_told(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
    own = model()
    with progress.shown():
        measured(graph_of(own), own, small_text_task(0), QUICK, only=[QUERY], into=tmp_path)
        measured(graph_of(own), own, small_text_task(0), QUICK, only=[QUERY, DENSE], into=tmp_path)
    told = capsys.readouterr().err
    assert "Probing modules: 3/3 blocks" in told
    assert "s left" in told
    assert "2 of 3 probes were made before." in told


def test_the_head_is_the_regression_that_tuning_starts_from():
    x = torch.nn.functional.normalize(torch.randn(60, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    labels = torch.arange(60) % 3
    weights_ = torch.linspace(0.5, 1.5, 60)
    for given in (None, weights_):
        ours = logistic(x, labels, 3, given)
        theirs = LinearHead.fit(
            x, labels.numpy(), 3, strength=10.0, weights=None if given is None else given.numpy()
        )
        torch.testing.assert_close(ours[0], theirs.weight.T, atol=2e-3, rtol=1e-2)
        offset = ours[1] - ours[1].mean() - theirs.bias + theirs.bias.mean()
        assert offset.abs().max() < 2e-3


def test_bad_input_is_told():
    own, task = model(), small_text_task(0)
    graph = graph_of(own)
    with pytest.raises(PlanError, match="no module 'nowhere'"):
        measured(graph, own, task, QUICK, only=["nowhere"])
    with pytest.raises(PlanError, match="1 blocks are frozen"):
        measured(graph, small_text_model(1), task, QUICK)
    with pytest.raises(PlanError, match="no labelled validation rows"):
        measured(graph, own, replace(task, val=task.val[:0]), QUICK)
    with pytest.raises(PlanError, match="no labelled training rows"):
        measured(graph, own, replace(task, labels=torch.full_like(task.labels, -1)), QUICK)
    with pytest.raises(TrainError, match="no labelled row"):
        fit_head(own, replace(task, labels=torch.full_like(task.labels, -1)))
    other = replace(graph, nodes=(replace(graph.nodes[0], name="strange"), *graph.nodes[1:]))
    with pytest.raises(PlanError, match="no module 'strange'"):
        measured(other, own, task, QUICK)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", -1),
        ("batch_rows", 0),
        ("rate", 0.0),
        ("head_rate", -1.0),
        ("pruned", 1.0),
        ("bits", 1),
        ("val_rows", 0),
    ],
)
def test_a_setting_out_of_range_is_refused(field, value):
    with pytest.raises(PlanError, match=f"{field} = "):
        replace(Probing(), **{field: value})


def test_the_package_names_what_it_offers():
    assert all(hasattr(sensitivity, name) for name in sensitivity.__all__)
