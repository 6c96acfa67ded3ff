"""``graphtune search``: better settings for a table than those that ``fit`` tries."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from graphtune.cli.arguments import (
    Edges,
    IdColumn,
    LabelColumn,
    SplitColumn,
    TableFile,
    TextColumn,
    Unlabelled,
    WeightColumn,
)

if TYPE_CHECKING:
    from rich.console import Console

    from graphtune.sweep import Found

INTO = "graphtune-search"
_TOLD = 4  # settings whose importance is shown


def search(
    table: TableFile,
    text: TextColumn = None,
    label: LabelColumn = None,
    split: SplitColumn = None,
    id_: IdColumn = None,
    weight: WeightColumn = None,
    edges: Edges = None,
    unlabelled: Unlabelled = None,
    test: Annotated[
        str | None, typer.Option(metavar="FILE", help="Rows for the final figures of fit only.")
    ] = None,
    transductive: Annotated[
        bool,
        typer.Option(
            "--transductive/--inductive",
            help="Let the texts of test rows into the graph, never their labels.",
        ),
    ] = False,
    into: Annotated[
        str, typer.Option(metavar="DIR", help="Folder of the search; one that lies there is gone on with.")
    ] = INTO,
    trials: Annotated[
        int, typer.Option(help="Settings to draw in all, beside those that fit tries by itself.")
    ] = 50,
    budget: Annotated[
        str,
        typer.Option(metavar="TIME", help="Time for this run: 90s, 5m, 1h30m; a running network is cut off."),
    ] = "10m",
    space: Annotated[
        Literal["linear", "network", "all"],
        typer.Option(help="What is drawn: linear models with and without a graph, networks, or all."),
    ] = "all",
    encoder: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="minilm, static, tfidf, a Hugging Face directory or a hub id; see fit."
        ),
    ] = "minilm",
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
    track: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHERE",
            help="mlflow:DIR, mlflow:URI or tensorboard:DIR: where trials are kept too; may be repeated.",
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
    keep_rare: Annotated[
        bool,
        typer.Option(
            "--keep-rare/--refuse-rare",
            help="Without val rows, learn classes with one training row too, unchecked.",
        ),
    ] = False,
) -> None:
    """Search for the settings, graph and network that serve a table best, and write them as a plan for fit.

    Settings are judged on held-out rows of the training part, as fit judges its candidates; labels of test
    rows are never looked at, and their texts only with --transductive. Run it again to go on: a search that
    was stopped, killed or ended early loses one trial.
    """
    from rich.console import Console

    from graphtune.cli.rows import say_notes
    from graphtune.plan import Plan
    from graphtune.plan.budget import seconds
    from graphtune.sweep import Asked, search_table
    from graphtune.sweep.study import check_optuna, check_place
    from graphtune.table import Columns, read_links, read_tables
    from graphtune.tracking import trackers

    asked = Asked(trials, seconds(budget), space)
    check_optuna()
    told = trackers(track or ())
    check_place(Path(into))
    plan = Plan(
        encoder=encoder,
        seed=seed,
        transductive=transductive,
        keep_rare=keep_rare,
        class_names=class_names,
    )
    columns = Columns(text=text, label=label, split=split, id=id_, weight=weight)
    more = unlabelled or ()
    rows = read_tables(table, columns, purpose="fit", unlabelled=more, test=test, keep_rare=keep_rare)
    links = None if edges is None else read_links(edges, frozenset(rows.ids))
    say_notes(rows)
    found = search_table(rows, plan=plan, into=Path(into), asked=asked, links=links, trackers=told)
    named = {
        "text": text,
        "label": label,
        "split": split,
        "id": id_,
        "weight": weight,
        "edges": edges,
        "test": test,
    }
    options = [part for name, value in named.items() if value for part in (f"--{name}", value)]
    options += [part for file in more for part in ("--unlabelled", file)]
    _print(found, into, [table, *options], Console(highlight=False, soft_wrap=True))


def _print(found: "Found", into: str, data: list[str], console: "Console") -> None:
    from rich.text import Text

    def line(what: str, said: str) -> None:
        console.print(Text(f"{what}: ", style="cyan").append(said, "default"))

    console.print()
    better = found.best.candidate != found.usual.candidate
    said = "better than the best of what fit tries" if better else "nothing is better than what fit tries"
    console.print(Text(said, style="bold green" if better else "bold yellow"))
    line("best", f"{_figures(found, best=True)}  {found.best.candidate}")
    if better:
        line("of fit", f"{_figures(found, best=False)}  {found.usual.candidate}")
        unsure = "; it may be chance, and fit without this plan as good" if not found.clear else ""
        line("lead", f"{found.lead:.1f} standard errors over the same rows{unsure}")
    line("chosen by", found.said)
    line("trials", _counts(found))
    if found.told:
        ranked = sorted(found.told.items(), key=lambda one: -one[1])[:_TOLD]
        line("what matters most", ", ".join(f"{name} ({share:.0%})" for name, share in ranked))
    if found.ended == "budget":
        console.print("The budget ended the search: run the same command again to go on.")
    console.print(
        "A figure that was the best of so many is better than it will be on new texts. The final one is "
        "that of the test rows, which fit reads once."
    )
    console.print()
    plan = str(Path(into) / "plan.toml")
    line("plan", plan)
    line("use it", shlex.join(["graphtune", "fit", *data, "--plan", plan]))


def _figures(found: "Found", *, best: bool) -> str:
    tried = found.best if best else found.usual
    accuracy = f"accuracy {tried.accuracy:.1%}"
    return f"{tried.likelihood:.4f} nats, {accuracy}" if found.few else accuracy


def _counts(found: "Found") -> str:
    def told(*, given: bool) -> str:
        complete, early = (found.count(state, given=given) for state in ("complete", "given up"))
        return f"{complete + early} ({complete} complete, {early} given up as worse)"

    failed = found.count("failed", given=False) + found.count("failed", given=True)
    return f"{told(given=False)}, after {told(given=True)} of fit's own; {failed} failed or cut short"
