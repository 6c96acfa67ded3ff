"""Plots of a comparison as SVG that takes its colours from the page around it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from graphtune.compare.result import Comparison, Row, key
from graphtune.compare.shown import accuracy, seconds
from graphtune.report.axis import Axis

_SHOWN_FROM = 0.6  # of the best accuracy; less would press what matters together
_COLOURS = 8  # classes f0 … f7 of the page's style, one for each family
Number = float | int


@dataclass(frozen=True)
class Palette:
    """Which colour a family has."""

    families: tuple[str, ...]

    @classmethod
    def of(cls, found: Comparison) -> "Palette":
        """Return the families of a comparison, in the order of its table."""
        return cls(tuple(dict.fromkeys(row.family for row in found.table)))

    def __call__(self, family: str) -> str:
        """Return the style's class of a family."""
        return f"f{self.families.index(family) % _COLOURS}"


def intervals(rows: Sequence[Row], palette: Palette, best: str) -> str:
    """Draw every method's accuracy with its interval, and a line at the best baseline."""
    shown = [row for row in rows if row.accuracy is not None]
    axis = _axis([end for row in shown if row.accuracy for end in (row.accuracy.low, row.accuracy.high)])
    left, right, line = 190, 640, 26
    bottom = line * len(shown) + 8

    def across(value: Number) -> float:
        return round(left + (right - left) * axis.at(value) / 100, 1)

    parts = []
    for place, name in axis.ticks():
        x = round(left + (right - left) * place / 100, 1)
        parts += [_line(x, 4, x, bottom, "grid"), _text(x, bottom + 16, name, "middle")]
    held = next((row.accuracy.value for row in shown if row.method == best and row.accuracy), None)
    if held is not None:
        parts.append(_line(across(held), 4, across(held), bottom, "held"))
    for number, row in enumerate(shown):
        if row.accuracy is None:
            continue
        y, kind = line * number + 18, palette(row.family)
        said = f"{row.method} ({row.family}): {accuracy(row)} %, {row.said}"
        parts.append(_text(left - 10, y + 4, row.method, "end", strong=row.family == "graphtune"))
        parts.append(_line(across(row.accuracy.low), y, across(row.accuracy.high), y, f"whisker {kind}"))
        parts.append(_dot(across(row.accuracy.value), y, kind, said))
        parts.append(_text(right + 12, y + 4, accuracy(row)))
    return _drawing(760, bottom + 26, "Accuracy with its 95 % interval", parts)


def scatter(rows: Sequence[Row], palette: Palette) -> str:
    """Draw accuracy over seconds of training, with a line through what nothing beats."""
    shown = [row for row in rows if row.accuracy is not None and row.train_seconds is not None]
    times = [max(row.train_seconds or 0.0, 1e-3) for row in shown]
    axis = _axis([row.accuracy.value for row in shown if row.accuracy])
    left, right, top, bottom = 60, 690, 12, 300
    low, high = math.log10(min(times) / 1.5), math.log10(max(times) * 1.5)

    def across(value: Number) -> float:
        share = (math.log10(max(value, 1e-3)) - low) / (high - low)
        return round(left + (right - left) * share, 1)

    def up(value: Number) -> float:
        return round(bottom - (bottom - top) * axis.at(value) / 100, 1)

    parts = []
    for place, name in axis.ticks():
        y = round(bottom - (bottom - top) * place / 100, 1)
        parts += [_line(left, y, right, y, "grid"), _text(left - 8, y + 4, name, "end")]
    for power in range(math.ceil(low), math.floor(high) + 1):
        x = across(10.0**power)
        parts += [_line(x, top, x, bottom, "grid"), _text(x, bottom + 18, f"{10.0**power:g} s", "middle")]
    front = sorted((row for row in shown if row.on_front), key=lambda row: row.train_seconds or 0.0)
    points = " ".join(f"{across(row.train_seconds or 0)},{up(row.share)}" for row in front)
    parts.append(f'<polyline class="front" points="{points}"/>')
    for row in shown:
        said = f"{row.method} ({row.family}): {accuracy(row)} % after {seconds(row.train_seconds)}"
        parts.append(_dot(across(row.train_seconds or 0), up(row.share), palette(row.family), said))
    taken: list[tuple[float, float]] = []
    for row in front:
        if row.share < axis.low:
            continue
        # Names of neighbours must not lie on one another.
        x, y = across(row.train_seconds or 0), up(row.share) - 9
        while any(abs(x - a) < 110 and abs(y - b) < 12 for a, b in taken):
            y += 13
        taken.append((x, y))
        parts.append(_text(x, y, row.method, "end" if x > (left + right) / 2 else "start"))
    parts.append(_text((left + right) / 2, bottom + 38, "training, without encoding", "middle"))
    return _drawing(760, bottom + 48, "Accuracy over time", parts)


def curves(found: Comparison, palette: Palette, names: Sequence[str]) -> str:
    """Draw accuracy over labelled rows for some methods; empty where there is one label count only."""
    if len(found.counts) < 2:
        return ""
    labelled = [found.labelled[key(count)] for count in found.counts]
    lines = {name: [_of(found, name, count) for count in found.counts] for name in names}
    values = [row.accuracy.value for own in lines.values() for row in own if row and row.accuracy]
    if not values:
        return ""
    axis, left, right, top, bottom = _axis(values), 60, 560, 12, 300
    low, high = math.log10(min(labelled)), math.log10(max(labelled))

    def across(value: Number) -> float:
        share = (math.log10(value) - low) / max(high - low, 1e-9)
        return round(left + (right - left) * share, 1)

    def up(value: Number) -> float:
        return round(bottom - (bottom - top) * axis.at(value) / 100, 1)

    parts = []
    for place, name in axis.ticks():
        y = round(bottom - (bottom - top) * place / 100, 1)
        parts += [_line(left, y, right, y, "grid"), _text(left - 8, y + 4, name, "end")]
    for count, rows in zip(found.counts, labelled, strict=True):
        parts.append(_text(across(rows), bottom + 18, found.said(count), "middle"))
    taken: list[float] = []
    for name, own in lines.items():
        known = [(n, row) for n, row in zip(labelled, own, strict=True) if row and row.accuracy]
        if not known:
            continue
        kind = palette(known[0][1].family)
        points = " ".join(f"{across(n)},{up(row.share)}" for n, row in known)
        parts.append(f'<polyline class="curve {kind}" points="{points}"/>')
        for n, row in known:
            parts.append(_dot(across(n), up(row.share), kind, f"{name}: {accuracy(row)} % with {n:,} labels"))
        y = up(known[-1][1].share) + 4
        while any(abs(y - other) < 13 for other in taken):
            y += 13
        taken.append(y)
        parts.append(_text(right + 12, y, name))
    return _drawing(760, max([bottom, *taken]) + 34, "Accuracy over labels", parts)


def _axis(values: Sequence[float]) -> Axis:
    """Return an axis of what comes near to the best: what is far worse stands at its left or lower end."""
    best = max(values, default=1.0)
    return Axis.over([value for value in values if value >= _SHOWN_FROM * best])


def _of(found: Comparison, name: str, count: int | None) -> Row | None:
    return next((row for row in found.of(count) if row.method == name), None)


def _line(x: Number, y: Number, to_x: Number, to_y: Number, kind: str) -> str:
    return f'<line class="{kind}" x1="{x:g}" y1="{y:g}" x2="{to_x:g}" y2="{to_y:g}"/>'


def _dot(x: Number, y: Number, kind: str, said: str) -> str:
    return f'<circle class="dot {kind}" cx="{x:g}" cy="{y:g}" r="5"><title>{escape(said)}</title></circle>'


def _text(x: Number, y: Number, text: str, anchor: str = "start", *, strong: bool = False) -> str:
    weight = ' font-weight="700"' if strong else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def _drawing(width: Number, height: Number, title: str, parts: Iterable[str]) -> str:
    opening = f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label={quoteattr(title)}>'
    return "".join([opening, *parts, "</svg>"])
