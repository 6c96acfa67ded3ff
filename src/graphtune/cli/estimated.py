"""What ``graphtune fit --dry-run`` prints."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from graphtune.plan import Plan
    from graphtune.run.estimate import Estimate
    from graphtune.table import Links, Table


def estimated(table: "Table", plan: "Plan", links: "Links | None") -> None:
    """Estimate a fit and print what it would take."""
    from rich.console import Console

    from graphtune.cli.rows import say_notes
    from graphtune.run.estimate import estimate

    say_notes(table)
    _print(estimate(table, plan, links), plan.encoder, Console(highlight=False, soft_wrap=True))


def _print(found: "Estimate", encoder: str, console: "Console") -> None:
    from rich.text import Text

    from graphtune.report.wording import counted, duration

    def line(what: str, said: str) -> None:
        console.print(Text(f"{what}: ", style="cyan").append(said, "default"))

    console.print()
    console.print(Text("An estimate, from small samples; nothing was fitted or written", style="bold"))
    rows = ", ".join(f"{count:,} {kind}" for kind, count in found.rows.items())
    line("rows", f"{rows}; {counted(found.classes, 'class', 'classes')}")
    line("texts", f"{found.to_encode:,} to encode with {encoder}, {found.cached:,} in the cache")
    _print_seconds(found, console)
    about = "about" if found.search_ends else "at most"
    total, budget = duration(found.seconds["total"]), duration(found.budget_seconds)
    line("time", f"{about} {total} of a budget of {budget}")
    _print_memory(found, console)
    console.print()
    likely = "likely to fit" if found.fits else "not likely to fit"
    style = "bold green" if found.fits else "bold yellow"
    console.print(
        Text(likely, style=style).append("; this is an estimate: the exit status is 0 either way", "default")
    )
    for advice in found.advice:
        console.print(Text("  ").append(advice))


def _print_seconds(found: "Estimate", console: "Console") -> None:
    from rich import box
    from rich.table import Table

    from graphtune.report.wording import duration

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("stage")
    table.add_column("estimated", justify="right")
    for stage, seconds in found.seconds.items():
        most = "at most " if stage in ("select", "total") and not found.search_ends else ""
        table.add_row(stage, f"{most}{duration(seconds)}", style="bold" if stage == "total" else "")
    console.print(table)


def _print_memory(found: "Estimate", console: "Console") -> None:
    from rich.text import Text

    from graphtune.run.estimate import mebibytes

    free = found.available_bytes
    against = "how much there is is not known" if free is None else f"{mebibytes(free)} available"
    parts = ", ".join(f"{what} {mebibytes(count)}" for what, count in found.memory.items())
    said = f"about {mebibytes(found.peak_bytes)} at the peak, {against} ({parts})"
    console.print(Text("memory: ", style="cyan").append(said, "default"))
