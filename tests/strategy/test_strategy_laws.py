"""What must hold for every strategy, on a model with one layer; and how much each of them learns."""

from dataclasses import dataclass, replace

import pytest
import torch

from graphtune import loss, strategy
from graphtune.loss import Loss
from graphtune.model import Task
from graphtune.plan.toml import from_toml, to_toml
from graphtune.strategy import Strategy, TextStrategy
from graphtune.train import Training, train
from tasks import KilledError, Mortal, Watched, same, small_model, small_task, the_seed_decides, weights

SETTINGS = Training(batch_rows=10, patience=None, checkpoint_seconds=0.0)
LAYER, HEAD = 8 * 5 + 5, 5 * 3 + 3  # numbers in the small model
ALL_OF_IT = LAYER + HEAD
LEARNED = {
    "AdapterGNN": [2 * (15 * (8 + 5 + 1) + 2 * 5 + 1) + HEAD],
    "BitFit": [5 + HEAD],
    "BSS": [ALL_OF_IT],
    "DELTA": [HEAD, ALL_OF_IT],
    "Full": [ALL_OF_IT],
    "GPF": [8 + HEAD],
    "GPFPlus": [2 * 5 * 8 + HEAD],
    "GradualUnfreezing": [HEAD, ALL_OF_IT],
    "GraphControl": [LAYER + 8 * 9 + 5 * 6 + HEAD],
    "GTOT": [ALL_OF_IT],
    "GTuning": [ALL_OF_IT + 8 * 64 + 8 * 5 + 8],
    "L2SP": [ALL_OF_IT],
    "LastLayers": [ALL_OF_IT],
    "LinearProbe": [HEAD],
    "StochNorm": [ALL_OF_IT + 5 + 5],
}


@dataclass(frozen=True)
class Holder:
    strategy: Strategy


SHORT = {"DELTA": {"head_epochs": 2}, "GradualUnfreezing": {"each": 2}}
every = pytest.mark.parametrize(
    "method",
    [replace(cls(), epochs=3, **SHORT.get(cls.__name__, {})) for cls in strategy.ALL],
    ids=lambda method: type(method).__name__,
)


@every
def test_exactly_the_declared_parameters_move(method):
    task = small_task()
    watched = Watched(method, [], [])
    train(watched, small_model(task), task, SETTINGS, seed=0)
    assert watched.declared
    assert watched.moved == watched.declared


@every
def test_learns_as_many_numbers_as_it_should(method):
    task = small_task()
    history = train(method, small_model(task), task, SETTINGS, seed=0)
    assert [phase.learned for phase in history.phases] == LEARNED[type(method).__name__]


@every
def test_deterministic_by_seed(method):
    the_seed_decides(method, SETTINGS)


@every
def test_resumes_bit_for_bit_after_a_kill_in_each_phase(method, tmp_path):
    task = small_task()
    whole = small_model(task)
    mortal = Mortal(method, 10**9)
    history = train(mortal, whole, task, SETTINGS, seed=0)
    names = [phase.name for phase in history.phases]
    for number, name in enumerate(names):
        before = sum(call in names[:number] for call in mortal.calls)
        middle = before + mortal.calls.count(name) // 2 + 1
        into = tmp_path / str(number)
        with pytest.raises(KilledError):
            train(Mortal(method, middle), small_model(task), task, SETTINGS, seed=0, into=into)
        resumed = small_model(task)
        again = train(method, resumed, task, SETTINGS, seed=0, into=into, resume=True)
        assert same(weights(whole), weights(resumed))
        assert history == again


@every
def test_round_trip_through_toml(method):
    holder = Holder(replace(method, rate=0.125, loss=loss.Focal(class_weights=(1.0, 2.0, 3.0))))
    text = to_toml(holder)
    assert f'kind = "{type(method).__name__}"' in text
    kinds = {Strategy: strategy.ALL, Loss: loss.ALL}
    assert from_toml(Holder, text, kinds=kinds) == holder


@every
def test_learns(method):
    task = small_task()
    model = small_model(task)
    history = train(replace(method, epochs=40), model, task, Training(patience=None), seed=0)
    first, last = history.epochs[0], history.epochs[-1]
    assert last.loss < first.loss
    assert last.val_loss is not None
    assert first.val_loss is not None
    assert min(epoch.val_loss or 9.0 for epoch in history.epochs) < first.val_loss


def test_all_names_every_strategy_once():
    lists = [name for name in strategy.__all__ if name == "ALL" or name.startswith("OF_")]
    named = [cls.__name__ for name in lists if name != "OF_LABELLED_TEXTS" for cls in getattr(strategy, name)]
    protocols = {"CoupledStrategy", "Growing", "MinedStrategy", "Strategy", "TextStrategy"}
    assert sorted(named) == sorted(set(strategy.__all__) - protocols - {*lists})
    assert set(strategy.OF_LABELLED_TEXTS) < {*strategy.ALL, *strategy.OF_ENCODERS}
    assert all(isinstance(cls(), TextStrategy) for cls in strategy.OF_LABELLED_TEXTS)
    assert LEARNED.keys() == {cls.__name__ for cls in strategy.ALL}
    assert all(isinstance(cls(), Strategy) for cls in strategy.ALL)


def test_a_row_of_weight_0_teaches_nothing():
    task = small_task()
    five = torch.zeros(60)
    five[task.train[:5]] = 1.0

    def result(task: Task):
        model = small_model(task)
        model.dropout = 0.0
        train(strategy.Full(epochs=3), model, replace(task, val=task.val[:0]), Training(), seed=0)
        return weights(model)

    weighted, few = result(replace(task, weights=five)), result(replace(task, train=task.train[:5]))
    torch.testing.assert_close(weighted, few, rtol=1e-4, atol=1e-5)
    assert not same(few, result(task))
