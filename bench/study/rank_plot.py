"""The critical-difference diagram of mean ranks, as SVG."""

import math
import sys
from pathlib import Path

from ranks import Ranks

sys.path.insert(0, str(Path(__file__).parents[1]))

import plots

_LINE, _WIDTH, _LEFT, _RIGHT = 24, 880, 410, 860
_OURS = ("graphtune", "graphtune-tuned")


def critical_difference(found: Ranks) -> str:
    """Draw every method at its mean rank, best first, and a bar over those that are not told apart."""
    names, values = list(found.mean), list(found.mean.values())
    low, high = math.floor(min(values)), math.ceil(max(values))
    runs = found.alike
    top = 34
    bottom = top + _LINE * len(names)

    def across(rank: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * (rank - low) / max(high - low, 1), 1)

    parts = []
    for rank in range(low, high + 1):
        parts.append(plots.line(across(rank), top, across(rank), bottom, plots.GRID))
        parts.append(plots.text(across(rank), top - 8, str(rank), "middle"))
    for number, name in enumerate(names):
        y = top + _LINE * number + _LINE / 2
        colour = plots.GOOD if name in _OURS else plots.INK
        parts.append(plots.text(_LEFT - 70, y + 4, name, "end"))
        parts.append(plots.text(_LEFT - 14, y + 4, f"{values[number]:.2f}", "end"))
        parts.append(plots.box(_LEFT, y - 4, max(across(values[number]) - _LEFT, 1), 8, colour))
    for number, run in enumerate(runs):
        ends = [names.index(run[0]), names.index(run[-1])]
        x = 12 + 9 * number
        parts.append(
            plots.line(x, top + _LINE * ends[0] + 5, x, top + _LINE * (ends[1] + 1) - 5, plots.BAR, 3)
        )
    legend = bottom + 24
    parts.append(plots.line(12, legend - 10, 12, legend + 2, plots.BAR, 3))
    said = (
        f"not told apart: mean ranks within {found.critical:.2f} over {len(found.sets)} sets (Nemenyi, 0.05)"
    )
    parts.append(plots.text(20, legend, said))
    return plots.drawing(_WIDTH, legend + 16, "Mean ranks of the methods; 1 is the best", parts)
