"""Strategies that keep a network near its start: their penalties by hand, and what is left without them."""

from dataclasses import replace
from math import isnan

import numpy as np
import pytest
import torch
from torch import nn

from graphtune.errors import PlanError
from graphtune.layer import GCN
from graphtune.loss import CrossEntropy
from graphtune.model import Batch, Model
from graphtune.strategy import BSS, DELTA, GTOT, L2SP, Full, GradualUnfreezing, LastLayers, StochNorm
from graphtune.strategy.bss import read_by_head, weakest
from graphtune.strategy.delta import attention, moved
from graphtune.strategy.start import Start
from graphtune.train import Training, train
from tasks import same, small_model, small_task, weights
from text_tasks import small_text_model, small_text_task

SETTINGS = Training(batch_rows=10, patience=None)
COMMON = {"rate": 0.02, "decay": 1e-3, "epochs": 3}


def deep_model(layers: int = 2) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        stack = [GCN(8 if not number else 5, 5) for number in range(layers)]
        return Model(stack, nn.Linear(5, 3), dropout=0.3).eval()


def trained(strategy, model: Model) -> dict[str, torch.Tensor]:
    train(strategy, model, small_task(), SETTINGS, seed=4)
    return weights(model)


def stepped(model: nn.Module, strategy, task, to: float) -> torch.Tensor:
    """The loss of the last phase's step, all learned numbers moved by ``to`` since it began."""
    model.dropout = 0.0
    for phase in strategy.phases(model, task):
        last = phase
    with torch.no_grad():
        for parameter in (*model.body, *model.head.parameters()):
            parameter += to
    return last.loss(task.batch(task.train)).detach()


@pytest.mark.parametrize(
    "strategy",
    [
        BSS(eta=0.0, **COMMON),
        DELTA(alpha=0.0, beta=0.0, **COMMON),
        GTOT(weight=0.0, **COMMON),
        L2SP(alpha=0.0, beta=0.0, **COMMON),
        LastLayers(count=2, **COMMON),
        LastLayers(count=9, **COMMON),
    ],
    ids=lambda strategy: type(strategy).__name__,
)
def test_without_its_penalty_it_is_full_tuning_bit_for_bit(strategy):
    assert same(trained(strategy, deep_model()), trained(Full(**COMMON), deep_model()))


@pytest.mark.parametrize(
    "strategy",
    [
        BSS(eta=1.0, k=3, **COMMON),
        DELTA(alpha=1.0, attention=False, **COMMON),
        GTOT(**COMMON),
        L2SP(**COMMON),
    ],
    ids=lambda strategy: type(strategy).__name__,
)
def test_with_its_penalty_it_is_not(strategy):
    assert not same(trained(strategy, deep_model()), trained(Full(**COMMON), deep_model()))


def test_l2_sp_by_hand():
    task = small_task()
    model = small_model(task)
    found = stepped(model, L2SP(alpha=0.3, beta=0.2), task, 0.5)
    plain = CrossEntropy()(model(task.batch(task.train)), task.labels[task.train], None).detach()
    head = sum(float(parameter.detach().square().sum()) for parameter in model.head.parameters())
    # 45 numbers of the layer, each moved by a half.
    assert float(found) == pytest.approx(float(plain) + 0.15 * 45 * 0.25 + 0.1 * head, rel=1e-5)


def test_a_strong_pull_keeps_the_body_where_it_was():
    before = weights(deep_model())
    near = trained(L2SP(alpha=1e4, rate=1e-3, epochs=3), deep_model())
    far = trained(L2SP(alpha=0.0, rate=1e-3, epochs=3), deep_model())

    def moved(after):
        return sum(float((after[name] - before[name]).norm()) for name in before if "layers" in name)

    assert moved(near) < 0.5 * moved(far)


@pytest.mark.parametrize(("rows", "features"), [(7, 4), (4, 7)])
def test_the_weakest_directions_are_those_of_numpy(rows, features):
    x = torch.randn(rows, features, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    values = np.linalg.svd(x.numpy(), compute_uv=False)
    assert float(weakest(x, 1)) == pytest.approx(values[-1] ** 2)
    assert float(weakest(x, 3)) == pytest.approx((values[-3:] ** 2).sum())
    assert float(weakest(x, 99)) == pytest.approx(float(x.square().sum()))
    assert torch.autograd.gradcheck(lambda one: weakest(one, 2), x.requires_grad_())


def test_the_weakest_direction_of_a_matrix_without_one_is_0_and_of_no_numbers_none():
    x = torch.ones(4, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(weakest(x, 1), x)
    torch.testing.assert_close(gradient, torch.zeros(4, 3), atol=1e-5, rtol=0)
    assert isnan(weakest(torch.tensor([[1.0, torch.inf]]), 1))


def test_bss_reads_what_the_head_reads_without_dropout():
    task = small_task()
    model = deep_model().train()
    step = task.batch(task.train[:9])
    read = read_by_head(model, step)
    torch.testing.assert_close(read, last(model, step))
    assert model.training
    assert not model.head._forward_pre_hooks
    found = stepped(deep_model(), BSS(eta=0.1, k=2), task, 0.0)
    step = task.batch(task.train)
    plain = CrossEntropy()(deep_model()(step), step.labels, None).detach()
    values = np.linalg.svd(last(deep_model(), step).detach().numpy(), compute_uv=False)
    assert float(found) == pytest.approx(float(plain) + 0.1 * (values[-2:] ** 2).sum(), rel=1e-5)


def last(model: Model, step: Batch) -> torch.Tensor:
    *_, top = model.climb(step.features, step.graph)
    return top[step.rows]


def test_bss_l2_sp_tune_whatever_learns():
    task = small_text_task(2)
    for strategy in (BSS(rate=1e-3, epochs=1), L2SP(rate=1e-3, epochs=1)):
        model = small_text_model(2)
        history = train(strategy, model, task, SETTINGS, seed=0)
        assert history.phases[0].learned == sum(p.numel() for p in (*model.body, *model.head.parameters()))


def test_a_climb_without_dropout_is_the_network():
    task, model = small_task(), deep_model()
    first, second = model.climb(task.features, task.graph)
    torch.testing.assert_close(second, model.embed(task.features, task.graph))
    (again,) = model.climb(first, task.graph, 1)
    assert torch.equal(again, second)


def test_attention_by_hand():
    task, model = small_task(), deep_model()
    step = task.batch(task.train)
    first, second = attention(model, task, CrossEntropy())
    for number, found in ((0, first), (1, second)):
        losses = []
        for feature in range(5):
            (x, top), layers = model.climb(task.features, task.graph), model.layers
            x, top = x.detach().clone(), top.detach().clone()
            if number == 0:
                x[:, feature] = 0.0
                top = torch.relu(layers[1](x, task.graph))
            else:
                top[:, feature] = 0.0
            losses.append(CrossEntropy()(model.head(top)[task.train], task.labels[task.train], None))
        increase = torch.stack(losses) - CrossEntropy()(model(step), step.labels, None)
        torch.testing.assert_close(found, 5 * torch.softmax(increase, 0))
        assert float(found.detach().mean()) == pytest.approx(1.0)


def test_of_many_training_rows_some_decide_on_attention(monkeypatch):
    monkeypatch.setattr("graphtune.strategy.delta._ATTENDED", 6)
    task, model = small_task(), deep_model()
    torch.manual_seed(3)
    some = replace(task, train=task.train[torch.randperm(len(task.train))[:6]])
    torch.manual_seed(3)
    found = attention(model, task, CrossEntropy())
    for one, other in zip(found, attention(model, some, CrossEntropy()), strict=True):
        torch.testing.assert_close(one, other)
        assert not torch.allclose(one, torch.ones(5), atol=1e-4)


def test_delta_by_hand():
    task, model = small_task(), deep_model()
    start, step = Start(model), task.batch(task.train[:7])
    assert float(moved(model, start, step, None).detach()) == 0.0
    before = [x.detach()[:7] for x in model.climb(task.features, task.graph)]
    with torch.no_grad():
        for parameter in model.body:
            parameter += 0.3
    apart = [
        (x[:7] - old) ** 2 for x, old in zip(model.climb(task.features, task.graph), before, strict=True)
    ]
    own = [torch.arange(5.0), torch.ones(5) * 2]
    expected = sum((a * w).sum() / 2 / 7 for a, w in zip(apart, own, strict=True))
    torch.testing.assert_close(moved(model, start, step, own), expected)
    plain = sum(a.sum() / 2 / 7 for a in apart)
    torch.testing.assert_close(moved(model, start, step, None), plain)


def test_delta_attends_by_the_head_it_has_trained():
    task = small_task()
    history = train(DELTA(head_epochs=2, epochs=2), deep_model(), task, SETTINGS, seed=0)
    assert [phase.name for phase in history.phases] == ["head", "delta"]
    without = train(DELTA(attention=False, epochs=2), deep_model(), task, SETTINGS, seed=0)
    assert [phase.name for phase in without.phases] == ["delta"]


def test_a_start_is_shared_by_steps_over_one_graph_and_stays_as_it_was():
    task, model = small_task(), deep_model()
    start = Start(model)
    found = start.features(task.batch(task.train[:3]))
    with torch.no_grad():
        model.layers[0].bias += 1.0
    assert start.features(task.batch(task.train[3:])) is found
    other = replace(task, features=task.features.clone())
    again = start.features(other.batch(task.train))
    assert again is not found
    assert all(torch.equal(one, two) for one, two in zip(found, again, strict=True))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_last_layers_move_and_those_below_do_not(count):
    model = deep_model(3)
    before = weights(model)
    after = trained(LastLayers(count=count, epochs=2), model)
    changed = {name.rpartition(".")[0] for name in before if not torch.equal(before[name], after[name])}
    frozen = max(0, 3 - count)
    tuned = {f"layers.{number}" for number in range(frozen, 3)}
    assert {name.removesuffix(".weight") for name in changed} == {"head", *tuned}


def test_layers_are_unfrozen_from_the_top():
    model = deep_model(2)
    history = train(GradualUnfreezing(each=2, epochs=4), model, small_task(), SETTINGS, seed=0)
    head, top, low = 5 * 3 + 3, 5 * 5 + 5, 8 * 5 + 5
    assert [phase.learned for phase in history.phases] == [head, head + top, head + top + low]
    assert [phase.name for phase in history.phases] == ["head", "from layer 2", "from layer 1"]
    assert [len(phase.epochs) for phase in history.phases] == [2, 2, 4]


@pytest.mark.parametrize("cls", [DELTA, GTOT, GradualUnfreezing, LastLayers, StochNorm])
def test_what_tells_layers_apart_says_that_there_are_none(cls):
    task = small_task()
    for model, own in (
        (small_model(task, layers=False), task),
        (small_text_model(2), small_text_task(2)),
    ):
        with pytest.raises(PlanError, match=f"{cls.__name__} tells graph layers apart") as told:
            next(cls().phases(model, own))
        assert "use Full" in told.value.fix


@pytest.mark.parametrize(
    ("cls", "field", "value"),
    [
        (LastLayers, "count", 0),
        (GradualUnfreezing, "each", 0),
        (L2SP, "alpha", -0.1),
        (L2SP, "beta", float("nan")),
        (DELTA, "alpha", -1.0),
        (DELTA, "beta", -1.0),
        (DELTA, "head_epochs", 0),
        (BSS, "eta", -1.0),
        (BSS, "k", 0),
        (StochNorm, "chance", 1.5),
        (StochNorm, "momentum", -0.5),
        (GTOT, "weight", -1.0),
        (GTOT, "epsilon", 0.0),
        (GTOT, "iterations", 0),
        (GTOT, "hops", 0),
    ],
)
def test_a_value_out_of_range_is_told(cls, field, value):
    with pytest.raises(PlanError, match=f"{field} = {value}"):
        cls(**{field: value})


def test_delta_is_anchored_where_its_phase_begins():
    task, model = small_task(), deep_model()
    before = last(model, task.batch(task.train)).detach()
    low = next(iter(model.climb(task.features, task.graph))).detach()[task.train]
    found = stepped(model, DELTA(alpha=0.5, beta=0.2, attention=False), task, 0.1)
    step = task.batch(task.train)
    with torch.no_grad():
        plain = CrossEntropy()(model(step), step.labels, None)
        first, second = (x[task.train] for x in model.climb(task.features, task.graph))
        apart = (first - low).square().sum(1).mean() + (second - before).square().sum(1).mean()
        head = sum(parameter.square().sum() for parameter in model.head.parameters())
    assert float(apart) > 0.1
    torch.testing.assert_close(found, plain + 0.25 * apart + 0.1 * head)
