"""The files of a comparison."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from graphtune.artefact import write_json, written
from graphtune.compare.method import Method
from graphtune.compare.page import html
from graphtune.compare.result import Comparison, Homophily, Row, key
from graphtune.compare.settings import Settings
from graphtune.compare.shown import accuracy, bytes_said, gap, heading, heading_of, seconds, to_best
from graphtune.metric import Interval
from graphtune.plan import Plan
from graphtune.report.wording import NOTHING, percent
from graphtune.run.outcome_json import without_nan
from graphtune.table import write_rows

_INTERVALS = ("accuracy", "macro_f1", "ece", "difference")
_PLAIN = (
    *("train_seconds", "best_epochs", "best_seconds", "peak_bytes", "learned", "parameters", "size_bytes"),
    *("latency_ms", "p_value"),
)


def write(found: Comparison, into: Path) -> None:
    """Write ``results.json``, ``results.csv``, ``report.md`` and ``report.html`` into a folder.

    Raises:
        OutputError: it cannot be written to.
    """
    write_json(into / "results.json", to_json(found))
    write_rows(into / "results.csv", columns(found))
    for name, text in (("report.md", markdown(found)), ("report.html", html(found))):
        with written(into / name) as partial:
            partial.write_text(text, encoding="utf-8")


def write_plans(methods: Sequence[Method], settings: Settings, into: Path) -> None:
    """Write every method's plan, with which ``graphtune fit --plan`` repeats its first seed with all labels.

    Raises:
        OutputError: the folder cannot be written to.
    """
    for method in methods:
        if isinstance(method.how, Plan):
            plan = replace(
                method.how, transductive=settings.transductive, budget_seconds=settings.limit_seconds
            )
            with written(into / "plans" / f"{method.name}.toml") as partial:
                partial.write_text(plan.to_text(), encoding="utf-8")


def to_json(found: Comparison) -> dict[str, Any]:
    """Return plain dictionaries and lists; what is not a number becomes null."""
    return without_nan(asdict(found))


def columns(found: Comparison) -> dict[str, list[object]]:
    """Return the table by column; shares and points as numbers, what is not known empty."""
    rows = [row for count in found.counts for row in found.of(count)]
    table: dict[str, list[object]] = {
        "labels": ["all" if row.labels is None else row.labels for row in rows],
        "method": [row.method for row in rows],
        "family": [row.family for row in rows],
        "seeds": [row.seeds for row in rows],
    }
    for name in _INTERVALS:
        for end in ("value", "low", "high"):
            table[name if end == "value" else f"{name}_{end}"] = [
                _known(getattr(getattr(row, name), end, None)) for row in rows
            ]
    for name in _PLAIN:
        table[name] = [_known(getattr(row, name)) for row in rows]
    table["on_front"] = [str(row.on_front).lower() for row in rows]
    table["note"] = [row.note for row in rows]
    return table


def markdown(found: Comparison) -> str:
    """Return the report as Markdown."""
    parts = [f"# Comparison\n\n{heading(found)}.", "\n".join(f"- {said}" for said in found.verdict)]
    for count in found.counts:
        parts.append(f"## {heading_of(found, count)}")
        best = found.best_baseline.get(key(count), "")
        head = (
            *(
                "method",
                "family",
                "accuracy %",
                "macro-F1 %",
                "ECE %",
                "against the best baseline",
                "training",
            ),
            *(("to the best validation",) if found.tells_best else ()),
            *("latency", "peak memory", "learned", "on disk", "note"),
        )
        lines = [_line(head), "|---|---|" + "---:|" * (len(head) - 3) + "---|"]
        lines += [_line(_cells(row, best, tells_best=found.tells_best)) for row in found.of(count)]
        parts.append("\n".join(lines))
    if found.homophily:
        parts.append("## Graphs\n\n" + "\n".join(_graph(one, found) for one in found.homophily))
    notes = [note for note in (*found.notes, found.missing) if note]
    if notes:
        parts.append("## Notes\n\n" + "\n".join(f"- {note}" for note in notes))
    parts.append(
        "± is half of the 95 % interval over seeds and test rows. Differences are paired over rows; p is "
        "that of a permutation test, adjusted for the number of methods (Holm). Training counts choosing "
        "settings, not encoding."
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _graph(one: Homophily, found: Comparison) -> str:
    by_chance = "" if one.expected is None else f" ({percent(one.expected, 0)} by chance)"
    return (
        f"- {one.graph}, {found.said(one.labels)}: {one.edges:,} edges; {percent(one.share, 0)} of those "
        f"between labelled rows join equal labels{by_chance}."
    )


def _cells(row: Row, best: str, *, tells_best: bool) -> tuple[str, ...]:
    return (
        f"**{row.method}**" if row.on_front else row.method,
        row.family,
        accuracy(row),
        _share(row.macro_f1),
        _share(row.ece),
        "best baseline" if row.method == best else gap(row),
        seconds(row.train_seconds),
        *((to_best(row),) if tells_best else ()),
        NOTHING if row.latency_ms is None else f"{row.latency_ms:.1f} ms",
        bytes_said(row.peak_bytes),
        NOTHING if row.learned is None else f"{row.learned:,}",
        bytes_said(row.size_bytes),
        " ".join(row.note.replace("|", "\\|").split()),
    )


def _share(interval: Interval | None) -> str:
    return NOTHING if interval is None else f"{100 * interval.value:.1f}"


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _known(value: Any) -> object:
    return "" if value is None or value != value else value
