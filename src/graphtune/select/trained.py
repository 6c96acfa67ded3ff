"""Training a candidate within the time that its data give it."""

from torch import nn

from graphtune.model import Problem
from graphtune.select.data import Data, OutOfTime
from graphtune.strategy import Strategy
from graphtune.train import History, Training, train


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
