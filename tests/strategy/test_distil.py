"""What a student learns of a teacher."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch.nn import functional

from graphtune import loss, strategy
from graphtune.errors import PlanError
from graphtune.loss import Loss
from graphtune.model import Task
from graphtune.plan.toml import from_toml, to_toml
from graphtune.strategy import Distil
from graphtune.strategy.distil_each import DistilEach
from graphtune.train import Training, train
from tasks import KilledError, Mortal, Watched, same, small_model, small_task, weights
from text_tasks import small_text_model, small_text_task

SETTINGS = Training(batch_rows=10, patience=None, checkpoint_seconds=0.0)
METHOD = Distil(share=0.3, epochs=3)


def task() -> Task:
    own = small_task()
    targets = torch.softmax(torch.randn(60, 3, generator=torch.Generator().manual_seed(1)), 1)
    return replace(own, targets=targets, train=torch.cat([own.train, torch.arange(40, 60)]))


def test_by_hand():
    own = task()
    step = own.batch(own.train)
    logits = torch.randn(len(own.train), 3)
    known = step.labels >= 0
    gold = functional.cross_entropy(logits[known], step.labels[known])
    soft = functional.kl_div(
        torch.log_softmax(logits / 2, 1), torch.softmax(step.targets.log() / 2, 1), reduction="batchmean"
    )
    found = Distil(share=0.3, temperature=2.0).loss(logits, step)
    torch.testing.assert_close(found, 0.3 * gold + 0.7 * 4 * soft)


def test_share_1_is_plain_learning_and_share_0_looks_at_no_label():
    own = task()
    step, logits = own.batch(own.train[:9]), torch.randn(9, 3)
    torch.testing.assert_close(
        Distil(share=1.0).loss(logits, step), functional.cross_entropy(logits, step.labels)
    )
    other = replace(step, labels=(step.labels + 1) % 3)
    assert torch.equal(Distil().loss(logits, step), Distil().loss(logits, other))


def test_a_teacher_that_is_certain_has_a_finite_loss():
    own = task()
    certain = replace(own, targets=functional.one_hot(torch.arange(60) % 3, 3).float())
    step, logits = certain.batch(certain.train), torch.randn(len(own.train), 3)
    expected = functional.cross_entropy(logits, certain.train % 3)
    torch.testing.assert_close(Distil().loss(logits, step), expected)


def test_each_class_by_itself_by_hand():
    own = task()
    weighed = replace(own, weights=torch.linspace(0.5, 2.0, 60))
    step, logits = weighed.batch(own.train), torch.randn(len(own.train), 3)
    sure, wanted = torch.sigmoid(logits), step.targets
    apart = -(wanted * sure.log() + (1 - wanted) * (1 - sure).log()).sum(dim=1)
    method = DistilEach.of(Distil(rate=0.1, decay=0.0, epochs=2))
    assert method == DistilEach(rate=0.1, decay=0.0, epochs=2)
    found = method.loss(logits, step)
    torch.testing.assert_close(found, (apart * step.weights).sum() / step.weights.sum())
    model = small_model(task())
    watched = Watched(method, [], [])
    train(watched, model, task(), SETTINGS, seed=0)
    assert watched.moved == watched.declared == [{name for name, _ in model.named_parameters()}]
    for more in ({"share": 0.5}, {"temperature": 2.0}):
        with pytest.raises(PlanError, match="are for texts with one label"):
            DistilEach.of(Distil(**more))
    with pytest.raises(PlanError, match="this task has none"):
        train(method, small_model(small_task()), small_task(), SETTINGS, seed=0)


def test_exactly_the_body_and_the_head_move():
    model, own = small_model(task()), task()
    watched = Watched(METHOD, [], [])
    history = train(watched, model, own, SETTINGS, seed=0)
    assert watched.moved == watched.declared == [{name for name, _ in model.named_parameters()}]
    assert history.phases[0].learned == 8 * 5 + 5 + 5 * 3 + 3


def test_deterministic_and_resumed_bit_for_bit_after_a_kill(tmp_path):
    def result(seed: int, into=None, resume=False, method=METHOD):
        model = small_model(task())
        train(method, model, task(), SETTINGS, seed=seed, into=into, resume=resume)
        return weights(model)

    whole = result(0)
    assert same(whole, result(0))
    assert not same(whole, result(1))
    with pytest.raises(KilledError):
        result(0, tmp_path, method=Mortal(METHOD, 8))
    assert same(whole, result(0, tmp_path, resume=True))


def test_an_encoder_learns_too():
    own = small_text_task(2, teacher=True)
    model = small_text_model(2)
    train(Distil(rate=1e-3, epochs=25), model, own, Training(8, patience=None), seed=0)
    truth = own.targets[own.val].argmax(1)
    assert (own.judged(model, None).argmax(1) == truth).float().mean() > 0.8


def test_a_teacher_that_is_not_there_is_told():
    with pytest.raises(PlanError, match="Distil learns from a teacher"):
        train(Distil(), small_model(small_task()), small_task(), SETTINGS, seed=0)


@dataclass(frozen=True)
class Holder:
    strategy: Distil


def test_round_trip_through_toml():
    holder = Holder(replace(METHOD, rate=0.125))
    kinds = {strategy.Strategy: strategy.ALL, Loss: loss.ALL}
    assert from_toml(Holder, to_toml(holder), kinds=kinds) == holder
