import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from graphtune import artefact
from graphtune.errors import MissingExtraError, OutputError, PlanError, TrainError
from graphtune.model import Model, Task
from graphtune.phase import Group, Phase
from graphtune.strategy import Full
from graphtune.train import Training, train
from graphtune.train import checkpoint as checkpoint_module
from graphtune.train.schedule import share
from tasks import KilledError, Mortal, same, small_model, small_task, weights

ALWAYS = Training(
    batch_rows=10, patience=None, checkpoint_seconds=0.0, clip=1.0, schedule="cosine", warmup=0.2
)


@dataclass(frozen=True)
class Staged:
    """Head, then a new module drawn at random and the layers: what staged strategies do."""

    epochs: int = 3
    rate: float = 0.05

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        def loss(batch):
            return cross_entropy(model(batch), batch.labels)

        yield Phase("head", (Group.of(self.rate, model.head),), loss, self.epochs)
        with torch.no_grad():
            sure = model.logits(task.features, task.graph).softmax(1).amax(1)
        model.layers.append(type(model.layers[0])(5, 5))
        shift = torch.rand(()) * sure.mean()
        yield Phase(
            "layers", (Group.of(self.rate, model.layers, decay=0.1),), lambda b: loss(b) + shift, self.epochs
        )
        with torch.no_grad():
            model.head.bias += 1.0


@dataclass(frozen=True)
class Diverging:
    """Fine for some batches, then the loss is what it is told to be."""

    good: int
    bad: float = math.nan

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        calls = iter(range(1000))

        def loss(batch):
            fine = cross_entropy(model(batch), batch.labels)
            return fine if next(calls) < self.good else fine * self.bad

        yield Phase("wild", (Group.of(0.01, model.layers, model.head),), loss, 10)


def trained(into=None, settings=ALWAYS, *, strategy=None, seed=3, resume=False, model=None, **more):
    task = small_task()
    model = model or small_model(task)
    history = train(strategy or Staged(), model, task, settings, seed=seed, into=into, resume=resume, **more)
    return weights(model), history


def test_learns_and_keeps_the_best_epoch():
    task = small_task()
    model = small_model(task)
    strategy = Staged(epochs=40)
    history = train(strategy, model, task, Training(patience=10), seed=0)
    layers = history.phases[1]
    assert layers.best is not None
    best = layers.epochs[layers.best - 1]
    assert best.val_loss == min(epoch.val_loss for epoch in layers.epochs)
    assert history.epochs[-1].loss < history.epochs[0].loss
    model.head.bias.data -= 1.0
    rows = task.val
    loss = cross_entropy(model.logits(task.features, task.graph)[rows], task.labels[rows])
    assert loss.item() == pytest.approx(best.val_loss, rel=1e-6)
    assert not model.training


def test_patience_and_min_epochs():
    stuck = replace(Staged(), rate=1e-12, epochs=30)
    _, history = trained(settings=Training(patience=2, min_epochs=7), strategy=stuck)
    assert [phase.stopped for phase in history.phases] == ["patience", "patience"]
    assert all(7 <= len(phase.epochs) <= 12 for phase in history.phases)
    _, never = trained(settings=Training(patience=None), strategy=stuck)
    assert [len(phase.epochs) for phase in never.phases] == [30, 30]


def test_without_validation_rows_the_last_weights_are_kept():
    task = small_task()
    task = replace(task, val=task.val[:0])
    model = small_model(task)
    history = train(Staged(), model, task, Training(patience=1), seed=0)
    assert [phase.best for phase in history.phases] == [None, None]
    assert [len(phase.epochs) for phase in history.phases] == [3, 3]
    assert history.epochs[0].val_loss is None


def test_same_seed_same_weights_and_the_global_generator_is_left_alone():
    torch.manual_seed(11)
    state = torch.get_rng_state()
    first, history = trained()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(12)
    second, again = trained()
    assert same(first, second)
    assert history == again
    other, _ = trained(seed=4)
    assert not same(first, other)


def test_files_do_not_change_the_result(tmp_path):
    plain, history = trained()
    stored, again = trained(tmp_path / "run")
    assert same(plain, stored)
    assert history == again
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert [(line["phase"], line["epoch"]) for line in lines] == [
        (phase, epoch) for phase in ("head", "layers") for epoch in (1, 2, 3)
    ]
    assert lines[-1]["loss"] == history.epochs[-1].loss
    assert sorted(f.name for f in (tmp_path / "run").iterdir()) == [
        "log.jsonl",
        "phase-000.safetensors",
        "phase-001.safetensors",
        "start.safetensors",
    ]


@pytest.mark.parametrize("losses", [1, 2, 3, 4, 8, 9, 10, 12, 18])
def test_resumes_bit_for_bit_after_a_kill_in_any_batch(tmp_path, losses):
    whole, history = trained()
    with pytest.raises(KilledError):
        trained(tmp_path, strategy=Mortal(Staged(), losses))
    rest = Mortal(Staged(), 1000)
    resumed, again = trained(tmp_path, strategy=rest, resume=True)
    assert same(whole, resumed)
    assert history == again
    assert len(rest.calls) == 18 - (losses - 1)


@pytest.mark.parametrize("write", range(1, 42, 4))
def test_resumes_bit_for_bit_after_a_kill_in_any_write(tmp_path, monkeypatch, write):
    whole, history = trained()
    writes = iter(range(1, 1000))

    def dying(path):
        if next(writes) == write:
            raise KilledError
        return artefact.written(path)

    monkeypatch.setattr(checkpoint_module, "written", dying)
    with pytest.raises(KilledError):
        trained(tmp_path)
    monkeypatch.undo()
    # The first weights are those stored, whatever the model brought along is not looked at.
    other = small_model(small_task(), seed=1) if write > 1 else None
    resumed, again = trained(tmp_path, resume=True, model=other)
    assert same(whole, resumed)
    assert history == again


def test_resumes_bit_for_bit_after_the_process_was_killed(tmp_path):
    program = (
        "import sys, pathlib, torch; torch.set_num_threads(1); from tasks import small_model, small_task\n"
        "from graphtune.strategy import Full; from graphtune.train import Training, train\n"
        "task = small_task(); settings = Training(batch_rows=10, patience=None, checkpoint_seconds=0.0)\n"
        "train(Full(epochs=150), small_model(task), task, settings, seed=3, into=pathlib.Path(sys.argv[1]))"
    )
    tests = str(Path(__file__).parents[1])
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], env={**os.environ, "PYTHONPATH": tests}
    )
    checkpoint, end = tmp_path / "checkpoint.safetensors", time.monotonic() + 60.0
    while not checkpoint.is_file() and child.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    settings, full = Training(batch_rows=10, patience=None, checkpoint_seconds=1000.0), Full(epochs=150)
    whole, history = trained(settings=settings, strategy=full)
    resumed, again = trained(tmp_path, settings, strategy=full, resume=True)
    assert same(whole, resumed)
    assert history == again


def test_resuming_what_has_ended_trains_nothing(tmp_path):
    whole, history = trained(tmp_path)
    idle = Mortal(Staged(), 1)
    resumed, again = trained(tmp_path, strategy=idle, resume=True)
    assert same(whole, resumed)
    assert history == again
    assert idle.calls == []


def test_without_resume_an_earlier_training_is_replaced(tmp_path):
    with pytest.raises(KilledError):
        trained(tmp_path, strategy=Mortal(Staged(), 14), seed=5)
    fresh, _ = trained(tmp_path)
    assert same(fresh, trained()[0])


@pytest.mark.parametrize("change", ["seed", "settings", "strategy"])
def test_refuses_to_resume_another_training(tmp_path, change):
    trained(tmp_path)
    other = {"seed": 9, "settings": Training(), "strategy": Staged(epochs=4)}[change]
    with pytest.raises(TrainError, match="belongs to another training"):
        trained(tmp_path, resume=True, **{change: other})


@pytest.mark.parametrize("file", ["start.safetensors", "phase-001.safetensors"])
def test_refuses_a_damaged_checkpoint(tmp_path, file):
    trained(tmp_path)
    whole = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TrainError, match="no whole checkpoint"):
        trained(tmp_path, resume=True)


@pytest.mark.parametrize(("bad", "what"), [(math.nan, "loss is nan"), (math.inf, "loss is inf")])
def test_a_loss_that_is_not_finite_ends_training_with_the_last_good_weights(bad, what):
    task = small_task()
    model = small_model(task)
    with pytest.raises(TrainError, match=rf"{what} in phase 'wild', epoch 2, batch 2"):
        train(Diverging(4, bad), model, task, ALWAYS, seed=0)
    assert all(torch.isfinite(tensor).all() for tensor in weights(model).values())
    once = small_model(task)
    one_epoch = replace(ALWAYS, schedule="constant", warmup=0.0)
    again = small_model(task)
    with pytest.raises(TrainError):
        train(Diverging(4, bad), again, task, one_epoch, seed=0)
    with pytest.raises(TrainError):
        train(Diverging(3, bad), once, task, one_epoch, seed=0)
    assert same(weights(once), weights(again))  # both hold the end of the first epoch


def test_a_gradient_that_is_not_finite_moves_nothing():
    @dataclass(frozen=True)
    class Cusp:
        def phases(self, model, task):
            yield Phase("cusp", (Group.of(0.1, model.head),), lambda b: (model(b) * 0.0).sum().sqrt(), 3)

    task = small_task()
    model = small_model(task)
    before = weights(model)
    with pytest.raises(TrainError, match="gradient is nan in phase 'cusp', epoch 1, batch 1"):
        train(Cusp(), model, task, Training(), seed=0)
    assert same(before, weights(model))


@pytest.fixture
def listens_to_ctrl_c():
    # A shell starts what runs in the background deaf to it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listens_to_ctrl_c")
def test_ctrl_c_ends_after_the_batch_and_can_be_resumed(tmp_path):
    class Impatient(Mortal):
        def _loss(self, phase, batch):
            self.calls.append(phase.name)
            if len(self.calls) == self.losses:
                os.kill(os.getpid(), signal.SIGINT)
            return phase.loss(batch)

    slow = replace(ALWAYS, checkpoint_seconds=1000.0)
    whole, history = trained(settings=slow)
    for losses in (2, 9, 14):
        first = Impatient(Staged(), losses)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / str(losses), slow, strategy=first)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert len(first.calls) == losses
        rest = Mortal(Staged(), 1000)
        resumed, again = trained(tmp_path / str(losses), slow, strategy=rest, resume=True)
        assert same(whole, resumed)
        assert history == again
        assert len(rest.calls) == 18 - losses


def test_a_deadline_ends_training_and_a_later_one_goes_on(tmp_path, monkeypatch):
    whole, history = trained()
    clock = iter(range(100000))
    with monkeypatch.context() as patched:
        patched.setattr(time, "monotonic", lambda: float(next(clock)))
        cut, short = trained(tmp_path, deadline=30.0)
    assert short.phases[0].stopped == "deadline"
    assert short.phases[1].stopped == "deadline"
    assert short.phases[1].epochs == ()
    assert cut.keys() == whole.keys()
    rest = Mortal(Staged(), 1000)
    resumed, again = trained(tmp_path, strategy=rest, resume=True)
    assert 0 < len(rest.calls) < 18
    assert same(whole, resumed)
    assert history == again


def test_a_paced_training_is_whole_when_the_deadline_comes_and_its_steps_have_fallen(monkeypatch):
    settings = Training(batch_rows=12, patience=None, schedule="linear", paced=True)
    endless = Full(epochs=10_000)
    clock = iter(range(100000))
    with monkeypatch.context() as patched:
        patched.setattr(time, "monotonic", lambda: float(next(clock)))
        _, history = trained(strategy=endless, settings=settings, deadline=400.0)
    (phase,) = history.phases
    assert phase.stopped == "time"
    assert 3 < len(phase.epochs) < 400
    rates = [epoch.rate for epoch in phase.epochs]
    assert all(a > b for a, b in pairwise(rates))
    assert rates[0] > 0.7 * endless.rate
    assert rates[-1] < 0.3 * endless.rate
    # What was done of the last epoch counts, and is validated.
    assert phase.epochs[-1].val_loss is not None
    assert math.isfinite(phase.epochs[-1].loss)


def test_pacing_changes_nothing_while_there_is_time():
    settings = Training(batch_rows=12, patience=None, schedule="linear")
    found = [
        trained(strategy=Full(epochs=4), settings=one, deadline=time.monotonic() + 1e6)[0]
        for one in (settings, replace(settings, paced=True))
    ]
    assert same(*found)


def test_rejects_phases_that_learn_nothing_or_something_foreign():
    @dataclass(frozen=True)
    class Odd:
        which: str

        def phases(self, model, task):
            modules = {"none": [], "foreign": [torch.nn.Linear(2, 2)], "twice": [model.head, model.head]}
            yield Phase("odd", (Group.of(0.1, *modules[self.which]),), lambda b: model(b).sum(), 1)

    for which, problem in {
        "none": "no parameter",
        "foreign": "not the model's",
        "twice": "two groups",
    }.items():
        with pytest.raises(PlanError, match=problem):
            trained(strategy=Odd(which))


def test_no_labelled_row_is_an_error():
    task = small_task()
    with pytest.raises(TrainError, match="no labelled row"):
        train(Staged(), small_model(task), replace(task, train=task.train[:0]), Training(), seed=0)


def test_a_place_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        trained(tmp_path / "file")


def test_gradients_are_off_elsewhere_in_a_phase_and_back_on_after_it():
    seen = []

    @dataclass(frozen=True)
    class Looking:
        def phases(self, model, task):
            model.layers[0].map.bias.requires_grad_(False)

            def loss(batch):
                seen.append({name for name, p in model.named_parameters() if p.requires_grad})
                return cross_entropy(model(batch), batch.labels)

            yield Phase("look", (Group.of(0.1, model.head),), loss, 1)
            seen.append({name for name, p in model.named_parameters() if p.requires_grad})

    trained(strategy=Looking(), settings=Training())
    assert seen == [{"head.weight", "head.bias"}, {"head.weight", "head.bias", "layers.0.map.weight"}]


def test_clipping_bounds_the_step_direction_only():
    plain, _ = trained(settings=Training(clip=1e6))
    same_plain, _ = trained(settings=Training())
    assert same(plain, same_plain)
    clipped, _ = trained(settings=Training(clip=1e-9))
    assert not same(plain, clipped)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [1 / 3, 2 / 3, 1.0, 1.0, 1.0, 1.0]),
        ("linear", [1 / 3, 2 / 3, 1.0, 0.75, 0.5, 0.25]),
        ("cosine", [1 / 3, 2 / 3, 1.0, 0.5 + 0.5 * math.sqrt(0.5), 0.5, 0.5 - 0.5 * math.sqrt(0.5)]),
    ],
)
def test_schedules(schedule, expected):
    ours = [share(step, 6, schedule=schedule, warmup=0.34) for step in range(6)]
    assert ours == pytest.approx(expected)


def test_settings_say_everything_that_is_out_of_range():
    with pytest.raises(PlanError) as caught:
        Training(batch_rows=0, patience=0, warmup=1.0, clip=0.0)
    for name in ("batch_rows = 0", "patience = 0", "warmup = 1.0", "clip = 0.0"):
        assert name in caught.value.problem


def test_tensorboard_writes_events_or_names_the_extra(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    trained(settings=Training(tensorboard=str(tmp_path / "board")))
    assert list((tmp_path / "board").glob("events.out.tfevents.*"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="tensorboard"):
        trained(settings=Training(tensorboard=str(tmp_path / "other")))
