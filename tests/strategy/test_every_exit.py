"""The laws of strategies, for the one that teaches every exit of a ladder."""

from dataclasses import dataclass, replace

import pytest
import torch

from graphtune.layer import GCN
from graphtune.loss import ALL as LOSSES
from graphtune.loss import CrossEntropy, Focal, Loss
from graphtune.model import AdapterRung, LadderRung, SideNetwork, Task
from graphtune.plan.toml import from_toml, to_toml
from graphtune.strategy import EveryExit, Full
from graphtune.train import Training, train
from tasks import KilledError, Mortal, Watched, same, small_task, weights

SETTINGS = Training(batch_rows=10, patience=None, checkpoint_seconds=0.0)
METHOD = EveryExit(epochs=3)
WIDTH = 5


@dataclass(frozen=True)
class Holder:
    strategy: EveryExit


def task() -> Task:
    own = small_task()
    return replace(own, features=torch.cat([own.features, 0.5 * own.features], dim=1))


def model(*, dropout: float = 0.3) -> SideNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        rungs = [LadderRung(GCN(WIDTH, WIDTH), 8, WIDTH, lowest=not number) for number in range(2)]
        return SideNetwork(rungs, 3, exits=True, dropout=dropout)


def test_exactly_the_declared_parameters_move_and_their_count_is_right():
    watched, own = Watched(METHOD, [], []), model()
    history = train(watched, own, task(), SETTINGS, seed=0)
    assert watched.moved == watched.declared == [set(dict(own.named_parameters()))]
    rung = (8 * WIDTH + WIDTH) + (WIDTH * WIDTH + WIDTH)
    # Two rungs, the share of the upper one, two exits.
    assert history.phases[0].learned == 2 * rung + 1 + 2 * (WIDTH * 3 + 3)


def test_the_loss_is_the_mean_over_the_exits():
    own, data = model(dropout=0.0), task()
    (phase,) = METHOD.phases(own, data)
    step = data.batch(data.train)
    found = [CrossEntropy()(scores, step.labels, None) for scores in own.every(step)]
    torch.testing.assert_close(phase.loss(step), (found[0] + found[1]) / 2)


def test_deterministic_by_seed():
    def result(seed: int):
        own = model()
        train(METHOD, own, task(), SETTINGS, seed=seed)
        return weights(own)

    assert same(result(1), result(1))
    assert not same(result(1), result(2))


def test_resumes_bit_for_bit_after_a_kill(tmp_path):
    whole, mortal = model(), Mortal(METHOD, 10**9)
    history = train(mortal, whole, task(), SETTINGS, seed=0)
    middle = len(mortal.calls) // 2 + 1
    with pytest.raises(KilledError):
        train(Mortal(METHOD, middle), model(), task(), SETTINGS, seed=0, into=tmp_path)
    resumed = model()
    again = train(METHOD, resumed, task(), SETTINGS, seed=0, into=tmp_path, resume=True)
    assert same(weights(whole), weights(resumed))
    assert history == again


def test_round_trip_through_toml():
    holder = Holder(EveryExit(rate=0.125, loss=Focal(class_weights=(1.0, 2.0, 3.0))))
    assert from_toml(Holder, to_toml(holder), kinds={Loss: LOSSES}) == holder


def adapters() -> SideNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        rungs = [AdapterRung(GCN(WIDTH, WIDTH), 8, WIDTH) for _ in range(2)]
        return SideNetwork(rungs, 3, exits=False, dropout=0.3)


def test_of_adapters_exactly_the_declared_parameters_move_and_a_kill_changes_nothing(tmp_path):
    method = Full(epochs=3)
    watched, own = Watched(method, [], []), adapters()
    history = train(watched, own, task(), SETTINGS, seed=0)
    assert watched.moved == watched.declared == [set(dict(own.named_parameters()))]
    adapter = (8 * WIDTH + WIDTH) + (WIDTH * WIDTH + WIDTH) + (WIDTH * 8 + 8)
    assert history.phases[0].learned == 2 * adapter + 8 * 3 + 3
    with pytest.raises(KilledError):
        train(Mortal(method, 5), adapters(), task(), SETTINGS, seed=0, into=tmp_path)
    resumed = adapters()
    train(method, resumed, task(), SETTINGS, seed=0, into=tmp_path, resume=True)
    assert same(weights(own), weights(resumed))


def test_learns_at_every_exit():
    own, data = model(dropout=0.0), task()
    train(EveryExit(epochs=40), own, data, Training(patience=None), seed=0)
    truth = data.labels[data.train]
    with torch.no_grad():
        for scores in own.every(data.batch(data.train)):
            assert (scores.argmax(1) == truth).float().mean() > 0.8
