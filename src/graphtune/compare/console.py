"""The table in the terminal."""

from typing import TYPE_CHECKING

from graphtune.compare.result import Comparison, Row, key
from graphtune.compare.shown import accuracy, bytes_said, gap, heading, heading_of, seconds, to_best
from graphtune.report.wording import NOTHING, decimal, percent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDE = 120  # columns of a terminal that has room for everything
_WIDE_COLUMNS = ("macro-F1", "ECE", "latency", "learned", "on disk")
_WIDER, _BEST_COLUMN = 146, "to best validation"  # columns of a terminal that has room for this one too


def console(found: Comparison, console: "Console") -> None:
    """Print one table for each label count, the verdict, and what to know beside."""
    from rich.text import Text

    console.print()
    console.print(Text(heading(found), style="bold"))
    for count in found.counts:
        console.print()
        console.print(Text(heading_of(found, count), style="bold cyan"))
        told = found.tells_best and console.width >= _WIDER
        console.print(_table(found, count, wide=console.width >= _WIDE, tells_best=told))
    for said in found.verdict:
        console.print(Text(said, style="bold green"))
    for one in found.homophily:
        share = f"{percent(one.share, 0)} of links join equal labels ({percent(one.expected, 0)} by chance)"
        console.print(Text(f"graph {one.graph}, {found.said(one.labels)}: {share}"))
    if found.missing:
        console.print(Text(f"note: {found.missing}", style="yellow"))


def _table(found: Comparison, count: int | None, *, wide: bool, tells_best: bool) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("method", no_wrap=True, min_width=20)
    best_told = (_BEST_COLUMN,) if tells_best else ()
    more = (*_WIDE_COLUMNS, *best_told) if wide else ()
    for column in ("accuracy", "vs. best baseline", "train", "memory", *more):
        table.add_column(column, justify="right", no_wrap=True)
    best = found.best_baseline.get(key(count), "")
    for row in found.of(count):
        style = "bold" if row.family == "graphtune" else "default"
        name = Text(f"{row.method}{'*' if row.on_front else ''}", style=style)
        table.add_row(name, *_cells(row, best, found, wide=wide, tells_best=tells_best))
    table.caption = "* no other method is both as accurate and as fast; ± half of the 95 % interval"
    return table


def _cells(row: Row, best: str, found: Comparison, *, wide: bool, tells_best: bool) -> tuple[str, ...]:
    if row.accuracy is None:
        return (row.note.partition(":")[0] or "not run",)
    fewer = f" ({row.seeds} of {len(found.seeds)} seeds)" if row.seeds < len(found.seeds) else ""
    first = (
        f"{accuracy(row)}{fewer}",
        "best" if row.method == best else gap(row),
        seconds(row.train_seconds),
        bytes_said(row.peak_bytes),
    )
    if not wide:
        return first
    return (
        *first,
        percent(row.macro_f1.value) if row.macro_f1 else NOTHING,
        percent(row.ece.value) if row.ece else NOTHING,
        f"{decimal(row.latency_ms, 1)} ms" if row.latency_ms is not None else NOTHING,
        f"{row.learned:,}" if row.learned is not None else NOTHING,
        bytes_said(row.size_bytes),
        *((to_best(row),) if tells_best else ()),
    )
