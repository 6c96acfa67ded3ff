"""What training leaves behind besides the weights."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Literal

Stop = Literal["epochs", "patience", "deadline", "time"]  # "time": a paced phase, whole at its deadline


@dataclass(frozen=True)
class Epoch:
    """One pass over the training rows; the validation figures are None where there are no such rows."""

    phase: str
    epoch: int  # from 1
    loss: float  # mean over the training rows, dropout active
    val_loss: float | None  # mean cross-entropy
    val_accuracy: float | None  # share, 0 … 1
    rate: float  # step size of the first group at the last step
    seconds: float = field(compare=False)  # wall time


@dataclass(frozen=True)
class PhaseHistory:
    """One phase from its first epoch to the reason it ended."""

    name: str
    epochs: tuple[Epoch, ...]
    best: int | None  # epoch whose weights were kept; None = those at the end
    stopped: Stop
    learned: int  # numbers (not tensors) that were learned


@dataclass(frozen=True)
class Reached:
    """What it took to come to the weights that were kept."""

    epochs: int  # of all phases, up to and with the one that validation chose
    seconds: float = field(compare=False)  # wall time of these epochs


@dataclass(frozen=True)
class History:
    """Every phase that training went through."""

    phases: tuple[PhaseHistory, ...]

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """Every epoch of every phase, in order."""
        return tuple(epoch for phase in self.phases for epoch in phase.epochs)

    @property
    def reached(self) -> Reached | None:
        """What it took to come to the best validation score of the last phase; None where nothing judged."""
        if not self.phases or self.phases[-1].best is None:
            return None
        after = len(self.phases[-1].epochs) - self.phases[-1].best
        epochs = self.epochs[: len(self.epochs) - after]
        return Reached(len(epochs), sum(epoch.seconds for epoch in epochs))

    @property
    def seconds(self) -> float:
        """Wall time of all epochs, those before a resume included."""
        return sum(epoch.seconds for epoch in self.epochs)


def lines(epochs: Iterable[Epoch]) -> str:
    """Return one line of JSON for each epoch."""
    return "".join(json.dumps(asdict(epoch), ensure_ascii=False) + "\n" for epoch in epochs)
