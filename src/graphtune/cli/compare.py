"""``graphtune compare``: methods side by side on one's own table."""

from pathlib import Path
from typing import Annotated

import typer

from graphtune.cli.arguments import Edges, IdColumn, LabelColumn, SplitColumn, TextColumn, Track, Unlabelled

INTO = "graphtune-comparison"


def compare(
    table: Annotated[
        str,
        typer.Argument(metavar="TABLE", help="As for fit; test rows judge, or a fifth that is set aside."),
    ],
    methods: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="Names, family:NAME, default, all, or a TOML file of methods or of a plan; with commas, or "
            "repeated.",
            show_default="default",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="How often each is trained, on other labels.")] = 5,
    labels: Annotated[
        str, typer.Option(metavar="COUNTS", help="Labelled rows a class, with commas; all = every label.")
    ] = "5,20,all",
    budget: Annotated[str, typer.Option(metavar="TIME", help="Time for all trainings: 10m, 1h30m.")] = "30m",
    limit: Annotated[str, typer.Option(metavar="TIME", help="Time for one training, alike for all.")] = "2m",
    into: Annotated[str, typer.Option(metavar="DIR", help="Folder of the results and the report.")] = INTO,
    text: TextColumn = None,
    label: LabelColumn = None,
    split: SplitColumn = None,
    id_: IdColumn = None,
    edges: Edges = None,
    unlabelled: Unlabelled = None,
    test: Annotated[str | None, typer.Option(metavar="FILE", help="Rows to judge by.")] = None,
    encoder: Annotated[
        str, typer.Option(metavar="NAME", help="As for fit; what every method that reads meaning gets.")
    ] = "minilm",
    transductive: Annotated[
        bool,
        typer.Option("--transductive/--inductive", help="Let the texts of test rows into the graph."),
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(help="Trainings at once.", show_default="one for every two cores"),
    ] = None,
    track: Track = None,
    list_: Annotated[bool, typer.Option("--list", help="Only list the methods of this table.")] = False,
) -> None:
    """Compare methods on the test rows of a table: accuracy, time, memory, and whether a graph helps.

    Every method is trained on the same labels, some drawn by each seed. Run it again to go on where it was
    stopped; what is done is not done again.
    """
    from rich.console import Console

    from graphtune.cli.rows import say_notes
    from graphtune.compare import Offer, Settings
    from graphtune.compare import compare as run
    from graphtune.compare import methods as named
    from graphtune.compare.console import console
    from graphtune.compare.files import write, write_plans
    from graphtune.compare.run import check_place
    from graphtune.compare.tracked import track_comparison
    from graphtune.plan.budget import seconds
    from graphtune.table import Columns, read_links, read_tables
    from graphtune.tracking import Guarded, trackers

    told = trackers(track or ())
    settings = Settings(seeds, counts(labels), seconds(budget), seconds(limit), encoder, transductive, jobs)
    place = Path(into).absolute()
    check_place(place)
    columns = Columns(text=text, label=label, split=split, id=id_)
    asked = [part for given in methods or ["default"] for part in given.split(",")]
    # A wrong name is told before a large table is read.
    named(asked, Offer(encoder, edges is not None, 0))
    rows = read_tables(table, columns, purpose="fit", unlabelled=unlabelled or (), test=test, keep_rare=True)
    links = None if edges is None else read_links(edges, frozenset(rows.ids))
    chosen = named(asked, Offer(encoder, links is not None, len(rows)))
    printer = Console(highlight=False, soft_wrap=True)
    if list_:
        for method in chosen:
            printer.print(f"{method.name:24} {method.family:12} {method.said}", markup=False)
        return
    say_notes(rows)
    found = run(rows, chosen, place, settings, links)
    write(found, place)
    write_plans(chosen, settings, place)
    if told:
        track_comparison(Guarded(told), found, place)
    console(found, printer)
    printer.print(f"\nreport: {Path(into) / 'report.html'}", markup=False)


def counts(text: str) -> tuple[int | None, ...]:
    """Return the label counts of such as ``5,20,all``; None stands for all.

    Raises:
        PlanError: a part is neither a whole number nor all.
    """
    from graphtune.errors import PlanError

    found: list[int | None] = []
    for part in (one.strip().lower() for one in text.split(",") if one.strip()):
        if part != "all" and not part.isdecimal():
            raise PlanError(
                f"--labels {text!r}: {part!r} is no count of labels.",
                fix="write whole numbers or all, with commas: --labels 5,20,all.",
            )
        found.append(None if part == "all" else int(part))
    return tuple(found)
