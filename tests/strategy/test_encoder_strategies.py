"""What must hold for every strategy that tunes an encoder, whatever is frozen."""

from dataclasses import replace

import pytest
import torch

from graphtune.errors import PlanError
from graphtune.loss import supervised_contrastive
from graphtune.model import TextTask
from graphtune.strategy import (
    BitFit,
    EncoderTuning,
    Full,
    GraphTeacher,
    LinearProbe,
    LoRA,
    PlannedTuning,
    Strategy,
)
from graphtune.strategy.graph_teacher import sharpened
from graphtune.structure.plans import ModuleTuning, TuningPlan
from graphtune.train import Training, train
from tasks import KilledError, Mortal, Watched, same, weights
from text_tasks import small_text_model, small_text_task

SETTINGS = Training(batch_rows=10, patience=None, checkpoint_seconds=0.0, schedule="linear", clip=1.0)
BLOCK = "encoder.layer.2"
PLAN = TuningPlan(
    (
        ModuleTuning(f"{BLOCK}.attention.self.query", 2),
        ModuleTuning(f"{BLOCK}.intermediate.dense", 3, 1e-2),
        ModuleTuning(f"{BLOCK}.output.LayerNorm"),
        ModuleTuning(f"{BLOCK}.attention.output.dense", rate=1e-3),
    )
)
METHODS = [
    EncoderTuning(rate=1e-3, epochs=3),
    EncoderTuning(rate=1e-3, layer_decay=0.5, epochs=3),
    EncoderTuning(rate=1e-3, contrast=1.0, epochs=3),
    GraphTeacher(rate=1e-3, epochs=3),
    BitFit(epochs=3),
    LoRA(rate=1e-2, rank=2, epochs=3),
    LoRA(("dense",), rank=2, epochs=3),
    LinearProbe(epochs=3),
    PlannedTuning(PLAN, epochs=3),
    PlannedTuning(epochs=3),
    Full(rate=1e-3, epochs=3),
]
every = pytest.mark.parametrize("method", METHODS, ids=str)
cut = pytest.mark.parametrize("frozen", [0, 2])


def task(method: Strategy, frozen: int) -> TextTask:
    return small_text_task(frozen, teacher=isinstance(method, GraphTeacher))


@every
@cut
def test_exactly_the_declared_parameters_move(method, frozen):
    watched = Watched(method, [], [])
    train(watched, small_text_model(frozen), task(method, frozen), SETTINGS, seed=0)
    assert watched.declared
    for declared, moved in zip(watched.declared, watched.moved, strict=True):
        assert moved <= declared
        # The keys' bias moves all scores of a query alike, so that its gradient is rounding, if anything.
        assert all(name.endswith("key.bias") for name in declared - moved)


@every
def test_counts_what_it_learns(method):
    head = 32 * 3 + 3
    model = small_text_model(2)
    history = train(method, model, task(method, 2), SETTINGS, seed=0)
    biases = sum(p.numel() for n, p in model.named_parameters() if p.requires_grad and n.endswith("bias"))
    body = sum(p.numel() for p in model.body)
    attended, dense = 2 * 2 * (32 + 32), 2 * (32 + 32) + 2 * 2 * (32 + 64)
    updates = head + (dense if getattr(method, "targets", ()) else attended)
    planned = 2 * (32 + 32) + 3 * (32 + 64) + 2 * 32 + 32 * 32 + 32
    known = {"LinearProbe": head, "BitFit": biases + 32 * 3, "LoRA": updates}
    if getattr(method, "plan", None) == PLAN:
        known["PlannedTuning"] = head + planned
    expected = known.get(type(method).__name__, body + head)
    assert history.phases[0].learned == expected
    # One block: four maps of attention, two of the feed-forward part, two normalisations.
    assert body == 4 * (32 * 32 + 32) + (32 * 64 + 64) + (64 * 32 + 32) + 4 * 32


@every
@cut
def test_deterministic_by_seed(method, frozen):
    def result(seed: int):
        model = small_text_model(frozen)
        train(method, model, task(method, frozen), SETTINGS, seed=seed)
        return weights(model)

    assert same(result(1), result(1))
    assert not same(result(1), result(2))


@every
def test_resumes_bit_for_bit_after_a_kill(method, tmp_path):
    whole = small_text_model(2)
    mortal = Mortal(method, 10**9)
    history = train(mortal, whole, task(method, 2), SETTINGS, seed=0)
    middle = len(mortal.calls) // 2
    with pytest.raises(KilledError):
        train(Mortal(method, middle), small_text_model(2), task(method, 2), SETTINGS, seed=0, into=tmp_path)
    resumed = small_text_model(2)
    again = train(method, resumed, task(method, 2), SETTINGS, seed=0, into=tmp_path, resume=True)
    assert same(weights(whole), weights(resumed))
    assert history == again


@cut
def test_learns(frozen):
    model, own = small_text_model(frozen), small_text_task(frozen)
    history = train(EncoderTuning(rate=1e-3, epochs=25), model, own, Training(8, patience=None), seed=0)
    assert history.epochs[-1].loss < history.epochs[0].loss
    assert (own.judged(model, None).argmax(1) == own.held[0]).float().mean() > 0.8


def test_the_teachers_word_reaches_texts_without_a_label():
    own = small_text_task(2, teacher=True)
    model = small_text_model(2)
    train(GraphTeacher(rate=1e-3, epochs=25), model, own, Training(8, patience=None), seed=0)
    truth = own.targets[own.val].argmax(1)
    assert (own.judged(model, None).argmax(1) == truth).float().mean() > 0.8


def test_the_labels_have_the_last_word():
    own = small_text_task(2, teacher=True)
    phases = list(GraphTeacher(label_epochs=3, label_rows=5).phases(small_text_model(2), own))
    assert [phase.name for phase in phases] == ["graph teacher", "labels"]
    last = phases[1]
    assert (last.epochs, last.batch_rows) == (3, 5)
    assert last.task.train.tolist() == [row for row in own.train.tolist() if own.labels[row] >= 0]
    model = small_text_model(2)
    batch = last.task.batch(last.task.train)
    expected = torch.nn.functional.cross_entropy(model.eval()(batch), own.labels[last.task.train])
    torch.testing.assert_close(GraphTeacher().loss(model(batch), batch.labels, batch.weights), expected)


@pytest.mark.parametrize("labels", [0, 2])
def test_without_a_last_word_or_a_label_there_is_one_phase(labels):
    own = small_text_task(2, teacher=True)
    if labels:
        own = replace(own, labels=torch.full_like(own.labels, -1))
    phases = list(GraphTeacher(label_epochs=labels).phases(small_text_model(2), own))
    assert [phase.name for phase in phases] == ["graph teacher"]


def test_labels_take_the_weights_a_share_of_the_way():
    def learned(**settings) -> list[torch.Tensor]:
        model = small_text_model(2)
        method = GraphTeacher(rate=1e-3, epochs=2, **settings)
        train(method, model, small_text_task(2, teacher=True), SETTINGS, seed=0)
        return [p.detach().clone() for p in (*model.body, *model.head.parameters())]

    before, whole = learned(label_epochs=0), learned(label_share=1.0)
    assert not all(map(torch.equal, before, whole))
    for one, other, found in zip(before, whole, learned(label_share=0.25), strict=True):
        torch.testing.assert_close(found, one + 0.25 * (other - one))


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"epochs": 0}, "learns nothing"),
        ({"label_epochs": -1}, "learns nothing"),
        ({"label_rows": 0}, "learns nothing"),
        ({"label_share": 0.0}, "no share"),
        ({"label_share": 1.5}, "no share"),
    ],
)
def test_values_of_a_teacher_that_make_no_sense_are_told(wrong, problem):
    with pytest.raises(PlanError, match=problem):
        GraphTeacher(**wrong)


def test_a_teacher_that_is_not_there_is_told():
    with pytest.raises(PlanError, match="has none") as told:
        train(GraphTeacher(), small_text_model(2), small_text_task(2), SETTINGS, seed=0)
    assert "EncoderTuning" in told.value.fix


def test_sharpened_targets_are_squared_and_known_labels_certain():
    found = sharpened(torch.tensor([[0.6, 0.4], [0.6, 0.4]]), torch.tensor([-1, 1]))
    torch.testing.assert_close(found, torch.tensor([[0.36 / 0.52, 0.16 / 0.52], [0.0, 1.0]]))


def test_the_contrast_is_that_of_the_steps_rows_beside_the_labels_own_loss():
    model, own = small_text_model(0).eval(), small_text_task(0)
    batch = own.batch(own.train[:12])
    plain, beside = (
        next(iter(EncoderTuning(contrast=weight).phases(model, own))).loss(batch) for weight in (None, 0.5)
    )
    rows = model.embed(batch)
    assert (rows.norm(dim=1) - 1).abs().max() < 1e-5
    expected = plain + 0.5 * supervised_contrastive(rows, batch.labels, 0.3, lone=True)
    torch.testing.assert_close(beside, expected)
    assert beside > plain


@pytest.mark.parametrize("wrong", [{"contrast": -1.0}, {"temperature": 0.0}, {"contrast": float("nan")}])
def test_a_contrast_out_of_range_is_refused(wrong):
    with pytest.raises(PlanError, match="do not fit"):
        EncoderTuning(**wrong)


def test_a_lower_block_takes_smaller_steps():
    model = small_text_model(0)
    (phase,) = EncoderTuning(rate=1.0, layer_decay=0.5, head_rate=7.0).phases(model, small_text_task(0))
    rates = [group.rate for group in phase.groups]
    assert rates == [1.0, 0.5, 0.25, 0.125, 7.0]  # three blocks, the embedding, the head
    names = {id(p): name for name, p in model.named_parameters()}
    assert all("layer.2." in names[id(p)] for p in phase.groups[0].parameters)
    assert all("embeddings" in names[id(p)] for p in phase.groups[3].parameters)


def test_steps_hold_texts_of_similar_length_in_a_random_order():
    own = small_text_task(0)
    lengths = torch.tensor([3, 9, 4, 8, 3, 9, 4, 8] * 6).numpy()
    fake = replace(own, texts=Fake(lengths))
    pieces = fake.pieces(torch.arange(48)[torch.randperm(48, generator=torch.Generator().manual_seed(0))], 8)
    assert sorted(torch.cat(pieces).tolist()) == list(range(48))
    assert all(lengths[piece.numpy()].max() - lengths[piece.numpy()].min() <= 5 for piece in pieces)
    means = [lengths[piece.numpy()].mean() for piece in pieces]
    assert means != sorted(means)


class Fake:
    def __init__(self, length):
        self.length = length

    def padded(self, rows):
        raise AssertionError

    def digest(self) -> bytes:
        return b""
