"""What a search came to."""

from dataclasses import dataclass
from typing import Any, Literal

from graphtune.plan import Plan
from graphtune.select.standing import Tried

State = Literal["complete", "given up", "failed"]


@dataclass(frozen=True)
class Ended:
    """One trial."""

    number: int
    state: State
    given: bool  # whether these are settings of `fit` rather than drawn
    value: float  # of what is searched for; NaN = none
    accuracy: float  # mean over the held-out rows that judged it, 0 … 1; NaN = none
    likelihood: float  # mean negative log-likelihood after calibration, nats; NaN = none
    parts: int  # held-out parts that judged it
    seconds: float
    candidate: str
    why: str  # it has no value
    settings: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Found:
    """The best of a search, and how it was found."""

    best: Tried
    usual: Tried  # the best of what `fit` tries by itself
    few: bool  # whether labels are few: likelihood decides, else accuracy
    lead: float  # of the best over the usual, in standard errors of the paired difference over rows
    clear: bool  # whether that is hardly chance; chosen among many, it may be still
    plan: Plan  # with the best alone, and the graphs it reads
    trials: tuple[Ended, ...]
    told: dict[str, float]  # share of the differences that each setting of the best trial's kind explains
    said: str  # by what rows it was chosen
    ended: Literal["trials", "budget"]
    fingerprint: str
    seconds: float  # of this run

    def count(self, state: State, *, given: bool) -> int:
        """Return how many trials ended so."""
        return sum(one.state == state and one.given == given for one in self.trials)
