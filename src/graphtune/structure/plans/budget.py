"""How much a plan may cost."""

from dataclasses import dataclass
from typing import Literal

from graphtune.errors import PlanError

Unit = Literal["parameters", "flops", "bytes", "seconds"]
_EXACTNESS = 1e-9  # what sums of floats may be off by


@dataclass(frozen=True)
class Budget:
    """A share of what the whole costs, or an amount.

    What the units count is said by each plan. Seconds are taken to go with the FLOPs: an amount of them
    needs to know how long the whole takes.

    Raises:
        PlanError: not exactly one of share and amount, a share of 0 or over 1, an amount of 0 or less.
    """

    unit: Unit = "parameters"
    share: float | None = None  # of the whole, more than 0 and at most 1
    amount: float | None = None
    whole_seconds: float | None = None  # that the whole takes, for an amount of seconds

    def __post_init__(self) -> None:
        if (self.share is None) == (self.amount is None):
            raise PlanError(
                "A budget is a share or an amount, one of both.", fix="give share = 0.25 or an amount."
            )
        if self.share is not None and not 0.0 < self.share <= 1.0:
            raise PlanError(
                f"A budget of {100 * self.share:g} % is out of range.",
                fix="give more than 0 and at most 100 %: a share of 0.25 is a quarter.",
            )
        if self.amount is not None and not self.amount > 0:
            raise PlanError(
                f"A budget of {self.amount:g} {self.unit} leaves nothing.", fix="give more than 0."
            )
        if self.unit == "seconds" and self.amount is not None and not (self.whole_seconds or 0) > 0:
            raise PlanError(
                f"How far {self.amount:g} seconds reach is not known.",
                fix="say in whole_seconds how long the whole takes, or give a share.",
            )

    def limit(self, whole: float) -> float:
        """Return the budget in what ``whole`` is told in: the unit's own, or FLOPs for seconds.

        Raises:
            PlanError: an amount is more than the whole.
        """
        if self.share is not None:
            return self.share * whole * (1 + _EXACTNESS)
        assert self.amount is not None
        most = whole if self.unit != "seconds" else (self.whole_seconds or 0.0)
        if self.amount > most * (1 + _EXACTNESS):
            raise PlanError(
                f"A budget of {self.amount:g} {self.unit} is over 100 %: the whole takes {most:g}.",
                fix=f"give at most {most:g}, or a share.",
            )
        return self.amount * (whole / most) * (1 + _EXACTNESS)

    def __str__(self) -> str:
        said = f"{100 * self.share:g} % of the" if self.share is not None else f"{self.amount:g}"
        return f"{said} {self.unit}"
