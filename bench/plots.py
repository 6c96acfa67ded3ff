"""Plots of the committed results as SVG, in tones that show on light and on dark backgrounds alike."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

INK, GRID, GOOD, SHORT, BAR = "#7b7b7b", "#80808055", "#3f8fd2", "#cf7a2c", "#c2418c"
_FONT = "font-family='system-ui, sans-serif' font-size='13'"


@dataclass(frozen=True)
class Shown:
    """How many times as fast one thing is."""

    label: str
    median: float
    least: float
    most: float
    bar: float


@dataclass(frozen=True)
class Curve:
    """What grows with the number of texts."""

    title: str
    unit: str
    points: tuple[tuple[float, float], ...]  # texts, value
    bar: float  # for the largest


@dataclass(frozen=True)
class Axis:
    """A logarithmic scale from pixel to pixel."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return where a value stands."""
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return round(self.start + part * (self.end - self.start), 1)

    def ticks(self, steps: Sequence[float] = (1, 2, 5)) -> list[float]:
        """Return round values within it."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        values = [step * 10.0**power for power in powers for step in steps]
        return [value for value in values if self.low <= value * 1.0001 and value <= self.high * 1.0001]


def ratios(shown: Sequence[Shown]) -> str:
    """Draw a bar from 1 to each median on a logarithmic axis, its spread, and a tick at what is asked for."""
    every = [value for one in shown for value in (one.median, one.least, one.most, one.bar)]
    width, left, right, row = 840, 320, 760, 28
    height = row * len(shown) + 62
    axis = Axis(min(1.0, *every) / 1.1, max(2.0, *every) * 1.1, left, right)
    bottom = row * len(shown) + 8
    parts = []
    for tick in axis.ticks():
        at = axis(tick)
        parts.append(line(at, 4, at, bottom, GRID if tick != 1 else INK))
        parts.append(text(at, bottom + 16, f"{tick:g}×", "middle"))
    for number, one in enumerate(shown):
        middle = row * number + 4 + row / 2
        ends = sorted((axis(1.0), axis(one.median)))
        colour = GOOD if one.median >= one.bar else SHORT
        parts.append(text(left - 10, middle + 4, one.label, "end"))
        parts.append(box(ends[0], middle - 9, ends[1] - ends[0], 12, colour))
        low, high = axis(one.least), axis(one.most)  # under the bar, where its colour cannot hide them
        if low < high:
            parts.append(line(low, middle + 8, high, middle + 8, INK, 2))
            parts += [line(end, middle + 5, end, middle + 11, INK, 2) for end in (low, high)]
        parts.append(line(axis(one.bar), middle - 11, axis(one.bar), middle + 11, BAR, 3))
        parts.append(text(width - 6, middle + 4, f"{rounded(one.median)}×", "end"))
    legend = bottom + 38
    parts += [
        box(left, legend - 10, 16, 10, GOOD),
        text(left + 22, legend, "median, bar met"),
        box(left + 140, legend - 10, 16, 10, SHORT),
        text(left + 162, legend, "not met"),
        line(left + 230, legend - 5, left + 250, legend - 5, INK, 2),
        text(left + 256, legend, "least … most"),
        line(left + 362, legend - 12, left + 362, legend + 2, BAR, 3),
        text(left + 370, legend, "bar"),
    ]
    return drawing(width, height, "How many times as fast as what it is held against", parts)


def growth(curves: Sequence[Curve]) -> str:
    """Draw each on a panel of its own, both axes logarithmic, with a tick at the bar of the largest."""
    panel, top, bottom = 400, 34, 270
    parts: list[str] = []
    for number, curve in enumerate(curves):
        left, right = panel * number + 56, panel * (number + 1) - 50
        rows = [count for count, _ in curve.points]
        values = [value for _, value in curve.points]
        across = Axis(min(rows) / 1.5, max(rows) * 1.5, left, right)
        up = Axis(min(*values, curve.bar) / 1.6, max(*values, curve.bar) * 1.6, bottom, top)
        parts.append(text(left, 18, curve.title))
        for tick in up.ticks((1, 3)):
            parts.append(line(left, up(tick), right, up(tick), GRID))
            parts.append(text(left - 8, up(tick) + 4, f"{tick:g}", "end"))
        for tick in across.ticks((1,)):
            parts.append(line(across(tick), top, across(tick), bottom, GRID))
            parts.append(text(across(tick), bottom + 18, f"{tick:,.0f}", "middle"))
        path = " ".join(f"{across(count)},{up(value)}" for count, value in curve.points)
        parts.append(f"<polyline points='{path}' fill='none' stroke='{GOOD}' stroke-width='2'/>")
        for count, value in curve.points:
            parts.append(f"<circle cx='{across(count)}' cy='{up(value)}' r='4' fill='{GOOD}'/>")
            said = f"{rounded(value)} {curve.unit}"
            parts.append(text(across(count) + 7, up(value) + 16, said))
        at, high = across(max(rows)), up(curve.bar)
        parts.append(line(at - 14, high, at + 14, high, BAR, 3))
        parts.append(text(at - 20, high + 4, f"bar {curve.bar:g} {curve.unit}", "end"))
        parts.append(text((left + right) / 2, bottom + 38, "texts", "middle"))
    return drawing(panel * len(curves), bottom + 48, "Seconds and memory of a whole fit over texts", parts)


def rounded(value: float) -> str:
    """Return a positive number with three digits, at most two of them behind the point."""
    return f"{value:.{min(2, max(0, 2 - math.floor(math.log10(value))))}f}"


def line(x: float, y: float, to_x: float, to_y: float, colour: str, width: float = 1) -> str:
    ends = f"x1='{x:g}' y1='{y:g}' x2='{to_x:g}' y2='{to_y:g}'"
    return f"<line {ends} stroke='{colour}' stroke-width='{width:g}'/>"


def box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f"<rect x='{x:g}' y='{y:g}' width='{width:g}' height='{height:g}' fill='{colour}'/>"


def text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f"<text x='{x:g}' y='{y:g}' text-anchor='{anchor}' fill='{INK}'>{escape(text)}</text>"


def drawing(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    opening = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' "
        f"height='{height}' role='img' {_FONT}>"
    )
    return "\n".join([opening, f"<title>{escape(title)}</title>", *parts, "</svg>"]) + "\n"
