"""Phases that learn from rows of their own, in steps of their own, and renew what they remember."""

from dataclasses import dataclass, field, replace
from itertools import chain

import pytest
import torch
from torch.nn.functional import cross_entropy

from graphtune.errors import TrainError
from graphtune.phase import Group, Phase
from graphtune.train import Training, train
from tasks import KilledError, Mortal, same, small_model, small_task, weights

SETTINGS = Training(batch_rows=10, patience=None, checkpoint_seconds=0.0)


@dataclass(frozen=True)
class Remembering:
    """The second phase sees five other rows, two at a time, and keeps a mean that a refresh renews."""

    seen: list = field(default_factory=list, repr=False, compare=False)

    def phases(self, model, task):
        if not hasattr(model, "mean"):
            model.register_buffer("mean", torch.zeros(()))

        def loss(batch):
            self.seen.append(batch.rows.tolist())
            return cross_entropy(model(batch), batch.labels) * (1 + model.mean)

        def refresh():
            self.seen.append((model.training, torch.is_grad_enabled()))
            model.mean.copy_(model.head.weight.detach().abs().mean())

        yield Phase("first", (Group.of(0.05, model.head),), loss, 1)
        own = replace(task, train=torch.arange(5, 10), val=torch.arange(10, 14))
        groups = (Group.of(0.05, model.layers, model.head),)
        yield Phase("second", groups, loss, 3, task=own, batch_rows=2, refresh=refresh)


def model():
    found = small_model(small_task())
    found.register_buffer("mean", torch.zeros(()))
    return found


def test_rows_steps_and_refreshes_are_the_phases_own():
    method = Remembering()
    history = train(method, model(), small_task(), SETTINGS, seed=0)
    first, second = method.seen[:3], method.seen[3:]
    assert sorted(chain.from_iterable(first)) == list(range(25))
    assert [len(one) for one in second] == [2, 2, 1, 2] * 3
    for epoch in (second[0:4], second[4:8], second[8:12]):
        assert sorted(chain.from_iterable(epoch[:3])) == [5, 6, 7, 8, 9]
        assert epoch[3] == (False, True)  # as the model is used, and as the loop found gradients
    assert [epoch.val_loss is not None for epoch in history.phases[1].epochs] == [True] * 3


@pytest.mark.parametrize("losses", [4, 6, 7, 9])
def test_what_is_remembered_survives_a_kill(losses, tmp_path):
    whole = model()
    history = train(Remembering(), whole, small_task(), SETTINGS, seed=0)
    with pytest.raises(KilledError):
        train(Mortal(Remembering(), losses), model(), small_task(), SETTINGS, seed=0, into=tmp_path)
    resumed = model()
    again = train(Remembering(), resumed, small_task(), SETTINGS, seed=0, into=tmp_path, resume=True)
    assert same(weights(whole), weights(resumed))
    assert history == again


@dataclass(frozen=True)
class Empty:
    def phases(self, model, task):
        none = replace(task, train=task.train[:0])
        yield Phase("none", (Group.of(0.1, model.head),), lambda batch: model(batch).sum(), 1, task=none)


def test_a_phase_without_rows_is_told():
    with pytest.raises(TrainError, match="'none' has no row"):
        train(Empty(), model(), small_task(), SETTINGS, seed=0)


def test_a_strategy_that_is_cut_short_is_closed_at_once():
    held, closed = [], []

    class Leaving:
        def phases(self, model, task):
            held.append(self._walk(model))
            return held[0]

        @staticmethod
        def _walk(model):
            try:
                yield Phase("one", (Group.of(0.05, model.head),), lambda batch: 1 / 0, 1)
            finally:
                closed.append(True)

    with pytest.raises(ZeroDivisionError):
        train(Leaving(), small_model(small_task()), small_task(), SETTINGS, seed=0)
    assert closed == [True]
    assert held


def test_phases_may_come_from_any_iterator():
    class Listed:
        def phases(self, model, task):
            group = Group.of(0.05, model.head)
            return iter([Phase("one", (group,), lambda b: cross_entropy(model(b), b.labels), 1)])

    assert len(train(Listed(), small_model(small_task()), small_task(), SETTINGS, seed=0).epochs) == 1
