"""How the loop trains, whatever the strategy."""

from dataclasses import dataclass
from typing import Literal

from graphtune.errors import PlanError
from graphtune.graph import Sampler


@dataclass(frozen=True)
class Training:
    """Settings of the loop; the step size, the decay and the number of epochs belong to the strategy.

    Raises:
        PlanError: a value is out of its range.
    """

    batch_rows: int | None = None  # None = all training rows in one batch
    sampler: Sampler | None = None  # None = every batch reads the whole graph
    patience: int | None = 50  # epochs without improvement on validation; None = never stop early
    min_epochs: int = 0  # validation does not end a phase before
    schedule: Literal["constant", "cosine", "linear"] = "constant"  # of the step size; the last two end at 0
    warmup: float = 0.0  # share of a phase's steps over which the step size rises from 0
    # With a deadline: the schedule goes on with the time as well as with the steps, whichever is further, and
    # the phase that the deadline ends is whole. What is learned then depends on how fast the machine is. For
    # strategies of one phase: the time is its own.
    paced: bool = False
    clip: float | None = None  # largest L2 norm of the gradient
    checkpoint_seconds: float = 30.0  # at least so long between two checkpoints; 0 = after every batch
    tensorboard: str | None = None  # directory for event files; needs the extra "tensorboard"

    def __post_init__(self) -> None:
        limits = {
            "batch_rows": (self.batch_rows is None or self.batch_rows >= 1, "None or 1 or more"),
            "patience": (self.patience is None or self.patience >= 1, "None or 1 or more"),
            "min_epochs": (self.min_epochs >= 0, "0 or more"),
            "schedule": (self.schedule in ("constant", "cosine", "linear"), "constant, cosine or linear"),
            "warmup": (0.0 <= self.warmup < 1.0, "at least 0 and less than 1"),
            "clip": (self.clip is None or self.clip > 0.0, "None or more than 0"),
            "checkpoint_seconds": (self.checkpoint_seconds >= 0.0, "0 or more"),
        }
        wrong = [name for name, (right, _) in limits.items() if not right]
        if wrong:
            raise PlanError(
                "; ".join(f"{name} = {getattr(self, name)!r} is out of range" for name in wrong) + ".",
                fix="; ".join(f"{name}: {limits[name][1]}" for name in wrong) + ".",
            )
