"""Where values stand on a horizontal axis, in percent of its width."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
_MOST_TICKS = 6


@dataclass(frozen=True)
class Axis:
    """A range of shares (0 … 1) whose ends and ticks are round numbers."""

    low: float
    high: float
    step: float

    @classmethod
    def over(cls, values: Sequence[float]) -> "Axis":
        """Return the narrowest round axis that holds all ``values``, within 0 … 1."""
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        low, high = min(max(low, 0.0), 1.0), min(max(high, 0.0), 1.0)
        for step in _STEPS:
            # The tolerance keeps 0.85 / 0.05 from being rounded past 17.
            first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
            if first == last:
                first, last = (first - 1, last) if last * step >= 1 else (first, last + 1)
            if last - first < _MOST_TICKS:
                return cls(first * step, last * step, step)
        return cls(0.0, 1.0, _STEPS[-1])

    def at(self, value: float) -> float:
        """Return the place of ``value``, from 0 at the left end to 100 at the right; beyond is cut."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    def ticks(self) -> list[tuple[float, str]]:
        """Return place and name of every tick."""
        digits = 1 if self.step < 0.01 else 0
        count = round((self.high - self.low) / self.step)
        values = [self.low + number * self.step for number in range(count + 1)]
        return [(self.at(value), f"{value:.{digits}%}") for value in values]
