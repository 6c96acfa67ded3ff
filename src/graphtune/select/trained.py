"""Training a candidate within the time that its data give it, and what is kept of it."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from graphtune.model import Problem
from graphtune.select.data import Data, OutOfTime
from graphtune.strategy import Strategy
from graphtune.train import History, Training, train


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let torch draw by ``seed``, such as the weights a model starts from; its own random state stays."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def trained(
    strategy: Strategy, model: nn.Module, task: Problem, settings: Training, data: Data, seed: int
) -> History:
    """Train ``model`` in place, to the end.

    Raises:
        OutOfTime: the data's deadline came before the end.
    """
    history = train(strategy, model, task, settings, seed=seed, deadline=data.deadline)
    if any(phase.stopped == "deadline" for phase in history.phases):
        raise OutOfTime
    return history


def trained_in_turn(
    strategy: Strategy, model: nn.Module, task: Problem, settings: Training, data: Data, seed: int
) -> History:
    """As `trained`, but where the data give turns, no longer than one: the best weights until then are kept.

    Raises:
        OutOfTime: the data's deadline came before the end of training and of the turn.
    """
    turns = data.turns
    until = None if turns is None or _passed(data) else turns.next()
    if turns is None or until is None or (data.deadline is not None and data.deadline < until):
        return trained(strategy, model, task, settings, data, seed)
    history = train(strategy, model, task, replace(settings, paced=True), seed=seed, deadline=until)
    turns.cut += any(phase.stopped in ("time", "deadline") for phase in history.phases)
    return history


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Return a model's parameters and buffers by name, as they are saved."""
    return {name: tensor.contiguous() for name, tensor in model.state_dict().items()}


def learned_of(trained: int | None, model: nn.Module) -> int:
    """Return how many numbers a strategy learned; of a restored model, where nobody knows, all parameters."""
    return trained if trained is not None else sum(p.numel() for p in model.parameters())


def bytes_of(tensors: Iterable[Tensor]) -> int:
    """Return what they hold together."""
    return sum(tensor.nbytes for tensor in tensors)


def _passed(data: Data) -> bool:
    return data.deadline is not None and data.deadline <= time.monotonic()
