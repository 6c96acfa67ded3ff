"""``graphtune check``: is a table usable, and what does it hold?"""

from typing import TYPE_CHECKING, Annotated

import typer

from graphtune.cli.arguments import (
    Edges,
    IdColumn,
    LabelColumn,
    Separator,
    SplitColumn,
    TableFile,
    TextColumn,
    WeightColumn,
)

if TYPE_CHECKING:
    from rich.console import Console

    from graphtune.table import Links, Summary
    from graphtune.table import Table as TextTable

_SHOWN_WHOLE = 12  # classes; of more, the largest and the smallest few are shown
_TOP, _BOTTOM = 6, 3


def check(
    table: TableFile,
    text: TextColumn = None,
    label: LabelColumn = None,
    split: SplitColumn = None,
    id_: IdColumn = None,
    weight: WeightColumn = None,
    multi_label: Annotated[
        bool, typer.Option("--multi-label", help="A text may have several labels, or none, as for fit.")
    ] = False,
    separator: Separator = None,
    edges: Edges = None,
    keep_rare: Annotated[
        bool, typer.Option("--keep-rare", help="Let classes with one training row pass, as fit does with it.")
    ] = False,
) -> None:
    """Say whether a table can be trained on, and what it holds.

    Columns that are not named are guessed, and the guess is said. Everything that is wrong is listed at once.
    """
    from rich.console import Console

    from graphtune.table import Columns, read_links, read_table, separator_of, summarise

    mark = separator_of(separator, several=multi_label)
    columns = Columns(text=text, label=label, split=split, id=id_, weight=weight)
    read = read_table(table, columns, purpose="check", keep_rare=keep_rare, separator=mark)
    links = None if edges is None else read_links(edges, frozenset(read.ids), purpose="check")
    console = Console(highlight=False, soft_wrap=True)
    _print_summary(console, "standard input" if table == "-" else table, summarise(read))
    if links is not None:
        _print_links(console, read, links)
    console.print("[green]usable[/green]: [bold]graphtune fit[/bold] can train on it.")


def _print_summary(console: "Console", name: str, summary: "Summary") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console.print(Text(name, style="bold"), Text(f"{summary.rows:,} rows, {len(summary.classes):,} classes"))
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    facts.add_row("labelled", _per_split(summary.labelled))
    facts.add_row("unlabelled", _per_split(summary.unlabelled))
    for what, lengths in (("letters", summary.letters), ("words", summary.words)):
        facts.add_row(
            f"{what} a text",
            f"{lengths.shortest:,} to {lengths.longest:,}, median {lengths.median:,}, 95% to {lengths.p95:,}",
        )
    facts.add_row("languages", ", ".join(f"{name} {share:.0%}" for name, share in summary.languages.items()))
    facts.add_row(
        "duplicates",
        f"{summary.duplicates_within:,} within a split, {summary.duplicates_across:,} across splits",
    )
    console.print(facts)
    classes = Table(box=box.SIMPLE_HEAD)
    classes.add_column("class", overflow="fold")
    classes.add_column("rows", justify="right")
    classes.add_column("share", justify="right")
    total = sum(summary.classes.values())
    for label, count in _few(list(summary.classes.items())):
        classes.add_row(Text(label), f"{count:,}" if count else "", f"{count / total:.1%}" if count else "")
    console.print(classes)
    for kind, style in (("guess", "cyan"), ("warning", "yellow")):
        for note in (note for note in summary.notes if note.kind == kind):
            console.print(Text(f"{kind}: ", style=style).append(note.text, style="default"))


def _few(classes: list[tuple[str, int]]) -> list[tuple[str, int]]:
    if len(classes) <= _SHOWN_WHOLE:
        return classes
    left = len(classes) - _TOP - _BOTTOM
    return [*classes[:_TOP], (f"… {left:,} more", 0), *classes[-_BOTTOM:]]


def _per_split(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    if not total or set(counts) == {""}:
        return f"{total:,}"
    parts = ", ".join(f"{part or 'no split'} {count:,}" for part, count in counts.items())
    return f"{total:,} ({parts})"


def _print_links(console: "Console", table: "TextTable", links: "Links") -> None:
    pairs = list(zip(links.source, links.target, strict=True))
    loops = sum(a == b for a, b in pairs)
    twice = len(pairs) - len({(a, b) if links.directed else tuple(sorted((a, b))) for a, b in pairs})
    alone = len(set(table.ids) - set(links.source) - set(links.target))
    console.print(
        f"  {len(links):,} edges: {loops:,} self-loops, {twice:,} given more than once; "
        f"{alone:,} rows without any"
    )
