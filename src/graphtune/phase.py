"""A stretch of training with one loss and one set of learned parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Group:
    """Parameters that share a step size and a weight decay."""

    parameters: tuple[nn.Parameter, ...]
    rate: float  # AdamW step size
    decay: float = 0.0  # AdamW decoupled weight decay

    @classmethod
    def of(cls, rate: float, *modules: nn.Module, decay: float = 0.0) -> "Group":
        """Group all parameters of ``modules``."""
        return cls(tuple(p for m in modules for p in m.parameters()), rate, decay)


@dataclass(frozen=True, eq=False)
class Phase:
    """What the loop trains next; parameters outside ``groups`` stay exactly as they are.

    What a loss carries from one step to the next (such as a memory of features) is a buffer of the model:
    checkpoints then hold it. Random numbers come from torch's default generator. A ``task`` and what
    ``refresh`` does follow from the strategy, the training's task and the weights alone.
    """

    name: str
    groups: tuple[Group, ...]
    loss: Callable[[Any], Tensor]  # of a step of the task
    epochs: int  # at most
    stopping: bool = True  # False: validation neither ends the phase nor chooses its weights
    task: Any = None  # a `Problem` that this phase learns from; None = the training's
    batch_rows: int | None = None  # rows of a step; None = as the training says
    refresh: Callable[[], None] | None = None  # run after every epoch, before validation: renews buffers
    further: int = 0  # edges beyond the model's layers on which the loss depends: samples reach as far
