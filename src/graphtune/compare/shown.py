"""Figures of a comparison as text, for terminal, page and Markdown alike."""

import math

from graphtune.compare.result import Comparison, Row, key
from graphtune.report.wording import NOTHING, counted, duration, points


def heading(found: Comparison) -> str:
    """Say what was compared, in one line."""
    rows = found.rows
    return (
        f"{counted(rows['test'], 'test text')} of {counted(found.classes, 'class', 'classes')}, "
        f"{counted(rows['train'], 'training text')}, {found.protocol}, encoder {found.encoder}, "
        f"{counted(len(found.seeds), 'seed')}"
    )


def heading_of(found: Comparison, count: int | None) -> str:
    """Return such as ``5 labels a class (385 labelled rows)``, or ``All 385 labels``."""
    said = found.said(count).capitalize()
    return said if count is None else f"{said} ({counted(found.labelled[key(count)], 'labelled row')})"


def accuracy(row: Row) -> str:
    """Return such as ``85.6 ± 0.7``, in percent; ± is half of the 95 % interval."""
    if row.accuracy is None or math.isnan(row.accuracy.value):
        return NOTHING
    half = (row.accuracy.high - row.accuracy.low) / 2
    return f"{100 * row.accuracy.value:.1f} ± {100 * half:.1f}"


def gap(row: Row) -> str:
    """Return such as ``+4.8 (p < 0.001)`` against the best baseline."""
    if row.difference is None or row.p_value is None:
        return NOTHING
    return f"{points(row.difference.value)} ({p_said(row.p_value)})"


def p_said(value: float) -> str:
    """Return such as ``p = 0.03``."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"


def seconds(value: float | None) -> str:
    """Return such as ``0.02 s`` or ``1 min 12 s``."""
    return f"{value:.2f} s" if value is not None and value < 1 else duration(value)


def to_best(row: Row) -> str:
    """Return such as ``12 epochs, 0.80 s``: what a network took up to its best validation score."""
    if row.best_epochs is None:
        return NOTHING
    epochs = "1 epoch" if row.best_epochs == 1 else f"{row.best_epochs:g} epochs"
    return f"{epochs}, {seconds(row.best_seconds)}"


def bytes_said(value: int | None) -> str:
    """Return such as ``12 KiB`` or ``830 MiB``."""
    if value is None:
        return NOTHING
    if value >= 1 << 20:
        return f"{value / (1 << 20):,.0f} MiB" if value >= 10 << 20 else f"{value / (1 << 20):.1f} MiB"
    return f"{value / 1024:.0f} KiB"


def minutes(seconds: float) -> str:
    """Return whole minutes, rounded up, as ``--budget`` takes them."""
    return f"{max(1, math.ceil(seconds / 60))}m"
