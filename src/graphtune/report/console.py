"""The summary in the terminal at the end of a fit."""

import math
from typing import TYPE_CHECKING

from graphtune.report import wording
from graphtune.select.outcome import GIVEN_UP, LEFT_OUT, NOT_FINAL, TOO_LARGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console
    from rich.table import Table

    from graphtune.select import Outcome, Scored

_CANDIDATES_SHOWN = 8
_WORST_SHOWN = 3
_ENDED = {
    NOT_FINAL: "not among the best of the first part",
    GIVEN_UP: "given up as worse",
    LEFT_OUT: "left out for want of time",
    TOO_LARGE: "too large for this table",
}
_STYLES = {"graph-free": "default", "graph": "blue", "network": "magenta"}


def console(outcome: "Outcome", console: "Console") -> None:
    """Print what was chosen, how good it is, and whether the graph helps."""
    from rich.text import Text

    console.print()
    console.print(Text(wording.headline(outcome), style="bold"))
    console.print(Text(wording.uncertainty(outcome)))
    _print_chosen(outcome, console)
    console.print()
    console.print(_candidates(outcome))
    if _others(outcome):
        console.print(Text(_others(outcome)))
    style = "bold green" if wording.surely_helps(outcome) else "bold yellow"
    console.print()
    console.print(Text(outcome.verdict.text, style=style))
    if wording.gain_on_test(outcome):
        console.print(Text(wording.gain_on_test(outcome)))
    for graph in outcome.graphs:
        console.print(
            Text(f"graph {graph.name}: ", style="cyan").append(wording.graph_line(graph), "default")
        )
    _print_test(outcome, console)
    for line in wording.unknown_lines(outcome):
        console.print(Text("no class: ", style="cyan").append(line, "default"))
    _print_time(outcome, console)


def _print_chosen(outcome: "Outcome", console: "Console") -> None:
    from rich.text import Text

    best = wording.chosen(outcome)
    members = best.members if best is not None else ()
    name = f"the mean of {len(members)} models" if members else outcome.chosen
    console.print(Text("saved model: ").append(name, style="bold"))
    for member in members:
        console.print(Text(f"  {member}"))


def _candidates(outcome: "Outcome") -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    table.add_column("", justify="right")
    table.add_column("candidate", overflow="fold")
    table.add_column("family")
    table.add_column(f"held-out {outcome.measure}", justify="right")
    table.add_column("time", justify="right")
    finished = _finished(outcome)
    places = {one.name: place for place, one in enumerate(finished, 1)}
    shown = [one for one in finished if places[one.name] <= _CANDIDATES_SHOWN or one.name == outcome.chosen]
    seen = {one.name: places[one.name] for one in shown}
    for one in shown:
        mark = "bold" if one.name == outcome.chosen else ""
        accuracy = f"{wording.percent(one.accuracy)} ± {wording.decimal(100 * one.standard_error, 1)}"
        table.add_row(
            str(places[one.name]),
            Text(_name(one, seen, outcome.chosen), style=mark),
            Text(one.family, style=_STYLES.get(one.family, "default")),
            Text(accuracy, style=mark),
            wording.duration(one.seconds),
        )
    return table


def _name(one: "Scored", places: "Mapping[str, int]", chosen: str) -> str:
    """Return a candidate's name; that of a mean says where its members stand, if all are shown."""
    if not one.members or not all(member in places for member in one.members):
        return (
            f"mean of the {len(one.members)} models above" if one.members and one.name == chosen else one.name
        )
    *others, last = sorted(places[member] for member in one.members)
    return f"mean of {', '.join(map(str, others))} and {last}"


def _finished(outcome: "Outcome") -> list["Scored"]:
    """Return the candidates that ran to their end, best first; the chosen one is always among them."""
    return [one for one in wording.by_accuracy(outcome) if _whole(one)]


def _whole(one: "Scored") -> bool:
    return wording.scored(one) and not one.note


def _others(outcome: "Outcome") -> str:
    """Say what the table does not show."""
    beyond = [one for one in _finished(outcome)[_CANDIDATES_SHOWN:] if one.name != outcome.chosen]
    told = {"more": len(beyond)}
    for begins, said in _ENDED.items():
        told[said] = sum(one.note.startswith(begins) for one in outcome.candidates)
    parts = [f"{count:,} {what}" for what, count in told.items() if count]
    return f"  {', '.join(parts)}: see the report" if parts else ""


def _print_test(outcome: "Outcome", console: "Console") -> None:
    from rich.text import Text

    if not wording.has_test(outcome) or outcome.test is None:
        return
    test = outcome.test
    error = f", calibration error {wording.percent(test.ece)}" if wording.known(test.ece) else ""
    console.print(
        Text("test: ", style="cyan").append(
            f"{outcome.measure} {wording.percent(test.accuracy)}, "
            f"macro-F1 {wording.percent(test.macro_f1)}{error}",
            "default",
        )
    )
    worst = [
        f"{row.name} (F1 {wording.percent(row.f1, 0)})"
        for row in wording.worst_first(outcome)[:_WORST_SHOWN]
        if row.f1 < 1
    ]
    if worst:
        console.print(Text("hardest classes: ", style="cyan").append(", ".join(worst), "default"))


def _print_time(outcome: "Outcome", console: "Console") -> None:
    from rich.text import Text

    parts = [
        f"{stage} {wording.duration(spent)}" for stage, spent in outcome.seconds.items() if stage != "total"
    ]
    total = outcome.seconds.get("total", math.fsum(outcome.seconds.values()))
    told = wording.duration(total) + (f" ({', '.join(parts)})" if parts else "")
    console.print(Text("time: ", style="cyan").append(told, "default"))
