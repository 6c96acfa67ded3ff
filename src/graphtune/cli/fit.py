"""``graphtune fit``: from a table to a saved classifier."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from graphtune.cli.arguments import (
    Edges,
    IdColumn,
    LabelColumn,
    Separator,
    SplitColumn,
    TableFile,
    TextColumn,
    Track,
    Unlabelled,
    WeightColumn,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphtune.plan import Plan
    from graphtune.select import Outcome
    from graphtune.table import Links, Table
    from graphtune.tracking import Tracker

INTO = "graphtune-model"


def fit(
    table: TableFile,
    text: TextColumn = None,
    label: LabelColumn = None,
    split: SplitColumn = None,
    id_: IdColumn = None,
    weight: WeightColumn = None,
    edges: Edges = None,
    multi_label: Annotated[
        bool,
        typer.Option(
            "--multi-label",
            help="A text may have several labels, or none: a list of them, or names between separators.",
        ),
    ] = False,
    separator: Separator = None,
    unlabelled: Unlabelled = None,
    test: Annotated[str | None, typer.Option(metavar="FILE", help="Rows for the final figures only.")] = None,
    into: Annotated[str, typer.Option(metavar="DIR", help="Folder of the model and its report.")] = INTO,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="minilm (the default), static (faster by far), tfidf, a Hugging Face directory or a hub id; "
            "static:NAME is distilled from such a directory or id.",
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Time for the whole fit: 90s, 5m, 1h30m.", show_default="5m"),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random choice.", show_default="0")] = None,
    transductive: Annotated[
        bool | None,
        typer.Option(
            "--transductive/--inductive",
            help="Let the texts of test rows into the graph, never their labels.",
            show_default="inductive",
        ),
    ] = None,
    graph: Annotated[
        Literal["window", "words"] | None,
        typer.Option(
            "--graph",
            help="window: learn from a graph of each text's own words; words: from one graph of all texts "
            "and words; in place of a search, and kept where better on held-out rows than a linear model.",
        ),
    ] = None,
    class_shares: Annotated[
        Literal["estimated", "labelled"] | None,
        typer.Option(
            "--class-shares",
            help="Whether class frequencies after few labels are corrected by what unlabelled texts show.",
            show_default="estimated",
        ),
    ] = None,
    class_names: Annotated[
        bool | None,
        typer.Option(
            "--class-names/--no-class-names",
            help="Read the name of each class as one more text of it.",
            show_default="where labels are few",
        ),
    ] = None,
    tune: Annotated[
        bool | None,
        typer.Option(
            "--tune/--frozen",
            help="Go on to tune the encoder as far as the budget reaches; kept where held-out rows say so.",
            show_default="tune where --budget is given and the encoder is a transformer",
        ),
    ] = None,
    serve_as: Annotated[
        Literal["auto", "graph", "encoder"] | None,
        typer.Option(
            "--serve-as",
            help="What is saved: the best by held-out rows, the best with a graph, or (with --tune) "
            "the tuned encoder alone, which is a Hugging Face directory too.",
            show_default="auto",
        ),
    ] = None,
    keep_rare: Annotated[
        bool | None,
        typer.Option(
            "--keep-rare/--refuse-rare",
            help="Without val rows, learn classes with one training row too, unchecked.",
            show_default="refuse-rare",
        ),
    ] = None,
    unknown_label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Label of rows that are of no class, which choose how such texts are told; may be repeated.",
        ),
    ] = None,
    plan: Annotated[
        str | None, typer.Option(metavar="FILE", help="A plan.toml; options given here come first.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="What graphtune pretrain wrote: a network that starts from it is tried too.",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted fit stopped.")] = False,
    track: Track = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only estimate time and memory; nothing is fitted or written."),
    ] = False,
) -> None:
    """Train a classifier on the labelled rows of a table, with a graph of all its texts.

    Candidates with and without the graph are compared on held-out rows; the better is saved, with a report.
    Columns that are not named are guessed, and the guess is said.
    """
    from graphtune.cli.estimated import estimated
    from graphtune.cli.rows import text_column
    from graphtune.errors import PlanError
    from graphtune.initial.layers_file import read_layers_facts
    from graphtune.plan import Plan, tunes
    from graphtune.plan.budget import seconds
    from graphtune.run.saved import check_place
    from graphtune.select import Probe, TextGCN, Window
    from graphtune.table import Columns, read_links, read_tables, separator_of
    from graphtune.tracking import trackers

    check_place(Path(into))
    if start is not None:
        read_layers_facts(Path(start))
    told = trackers(track or ())
    options = {
        "encoder": encoder,
        "budget_seconds": None if budget is None else seconds(budget),
        "seed": seed,
        "transductive": transductive,
        "class_shares": class_shares,
        "class_names": class_names,
        "tune": tune,
        "serve_as": serve_as,
        "keep_rare": keep_rare,
        "separator": separator_of(separator, several=multi_label),
        "start": start,
        "unknown_labels": tuple(unknown_label) if unknown_label else None,
        "candidates": None if graph is None else (Probe(), TextGCN() if graph == "words" else Window()),
        "up_to": None if graph is None else "graph-free",
    }
    if graph is not None and edges is not None:
        raise PlanError(
            f"--graph {graph} reads the words of texts, and no links between texts.",
            fix="leave --edges or --graph out.",
        )
    if plan is None:
        # Encoders are tuned for one label a text, and after a search.
        timed = budget is not None and options["separator"] is None and graph is None
        options["tune"] = tunes(encoder or Plan.encoder, tune, serve_as, timed=timed)
    settled = _settled(plan, options)
    columns = Columns(text=text, label=label, split=split, id=id_, weight=weight)
    more, rare = unlabelled or (), settled.keep_rare
    rows = read_tables(
        table,
        columns,
        purpose="fit",
        unlabelled=more,
        test=test,
        keep_rare=rare,
        separator=settled.separator,
    )
    links = None if edges is None else read_links(edges, frozenset(rows.ids))
    if dry_run:
        estimated(rows, settled, links)
        return
    column = text_column(table, columns)
    run(rows, settled, Path(into), links, resume=resume, text_column=column, trackers=told)


def run(
    rows: "Table",
    plan: "Plan",
    into: Path,
    links: "Links | None" = None,
    *,
    resume: bool = False,
    text_column: str | None = None,
    trackers: "Sequence[Tracker]" = (),
) -> "Outcome":
    """Fit, save, and print what came of it."""
    from rich.console import Console
    from rich.text import Text

    from graphtune.progress import say
    from graphtune.report import console
    from graphtune.run.fit import fit_table

    for note in rows.notes:
        say(f"{note.kind}: {note.text}")
    model = fit_table(
        rows, plan=plan, into=into, links=links, resume=resume, text_column=text_column, trackers=trackers
    )
    printer = Console(highlight=False, soft_wrap=True)
    console(model.outcome, printer)
    printer.print()
    printer.print(Text("model:  ", style="cyan").append(str(into), style="default"))
    printer.print(Text("report: ", style="cyan").append(str(into / "report.html"), style="default"))
    return model.outcome


def _settled(file: str | None, options: dict[str, Any]) -> "Plan":
    """Return the plan of a file, or the default one, with the options that were given."""
    from dataclasses import replace

    from graphtune.plan import Plan

    given = {name: value for name, value in options.items() if value is not None}
    return replace(Plan() if file is None else Plan.read(Path(file)), **given)
