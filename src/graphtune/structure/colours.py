"""What a drawn module's colour says: a column as shades from light to dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_SHADES = ((237, 246, 250), (158, 202, 225), (66, 136, 190), (8, 60, 120))  # light to dark, even steps
_ABSENT = "#e4e4e4"  # where there is no number
_WIDE = 50.0  # largest over smallest, from which on shades follow the logarithm


@dataclass(frozen=True)
class Shades:
    """Colours of the numbers of a column."""

    low: float
    high: float
    logarithmic: bool

    @classmethod
    def of(cls, values: Sequence[float]) -> "Shades":
        """Return shades over all finite values; logarithmic where they are far apart and none is below 0."""
        known = [value for value in values if math.isfinite(value)]
        above = [value for value in known if value > 0]
        if above and min(known) >= 0 and max(above) > _WIDE * min(above):
            return cls(min(above), max(above), True)
        return cls(min(known, default=0.0), max(known, default=0.0), False)

    def share(self, value: float) -> float:
        """Return where a value stands between the lowest (0) and the highest (1)."""
        if self.high == self.low:
            return 0.5
        if self.logarithmic:
            value, low, high = math.log(max(value, self.low)), math.log(self.low), math.log(self.high)
        else:
            low, high = self.low, self.high
        return min(max((value - low) / (high - low), 0.0), 1.0)

    def colour(self, value: float) -> tuple[str, str]:
        """Return the colour of a box and of the letters on it."""
        if not math.isfinite(value):
            return _ABSENT, "#444"
        share = self.share(value)
        return shade(share), "#fff" if share > 0.55 else "#152028"

    def ticks(self) -> list[tuple[float, str]]:
        """Return place and name of the ends and the middle."""
        if self.high == self.low:
            return [(0.5, said(self.low))]
        middle = math.sqrt(self.low * self.high) if self.logarithmic else (self.low + self.high) / 2
        return [(0.0, said(self.low)), (0.5, said(middle)), (1.0, said(self.high))]


def shade(share: float) -> str:
    """Return the colour at a place from 0 (light) to 1 (dark)."""
    steps = len(_SHADES) - 1
    first = min(int(share * steps), steps - 1)
    part = share * steps - first
    mixed = (round(a + (b - a) * part) for a, b in zip(_SHADES[first], _SHADES[first + 1], strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)


def said(value: float | int) -> str:
    """Return a number for people: three digits, thousands as k, M or G."""
    if not math.isfinite(value):
        return "—"
    for limit, unit, name in ((1e12, 1e12, "T"), (1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= limit:
            return f"{value / unit:.3g} {name}"
    return f"{value:.3g} " if abs(value) < 1e3 else f"{value:.0f} "
