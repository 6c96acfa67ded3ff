"""Callbacks for the Trainer that SetFit and FastFit use too: stop in time, keep the best epoch."""

import time

import torch
from transformers import TrainerCallback

from contract import Clock


class Paced(TrainerCallback):
    """Stop when the budget, less a reserve, is used up; tell how long a step takes."""

    def __init__(self, clock: Clock, reserve_seconds: float = 0.0) -> None:
        self.clock, self.reserve_seconds = clock, reserve_seconds
        self.stopped, self.judging_seconds = False, 0.0
        self._times: list[float] = []  # when training began, and when each step ended

    @property
    def step_seconds(self) -> float:
        """Mean seconds of a step, without the first one, which is slower, where there are more."""
        first = 1 if len(self._times) > 2 else 0
        return (self._times[-1] - self._times[first]) / (len(self._times) - 1 - first)

    def on_train_begin(self, args, state, control, **_):
        self._times = [time.monotonic()]

    def on_step_end(self, args, state, control, **_):
        self._times.append(time.monotonic())
        if not self.clock.has(self.reserve_seconds + self.judging_seconds):
            self.stopped = control.should_training_stop = True


class BestEpoch(TrainerCallback):
    """Keep the learned weights of the epoch with most judging rows right."""

    def __init__(self, paced: Paced) -> None:
        self.paced = paced
        self.accuracy, self.epoch, self.weights, self._last = -1.0, 0, {}, 0

    def on_evaluate(self, args, state, control, model, metrics, **_):
        self.paced.judging_seconds = metrics["eval_runtime"]
        self._last += 1
        # Of equals the later one: its rate has fallen further, and few judging rows are often equal.
        if metrics["eval_accuracy"] >= self.accuracy:
            self.accuracy, self.epoch = metrics["eval_accuracy"], self._last
            learned = ((name, part) for name, part in model.named_parameters() if part.requires_grad)
            self.weights = {name: part.detach().clone() for name, part in learned}

    def restore(self, model: torch.nn.Module) -> None:
        """Give the model the weights of the best epoch."""
        model.load_state_dict(self.weights, strict=False)


class UntilEpoch(TrainerCallback):
    """Stop after so many epochs, under the schedule of a longer training."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_epoch_end(self, args, state, control, **_):
        if round(state.epoch) >= self.epochs:
            control.should_training_stop = True
