"""``graphtune compress``: a smaller and faster model, unless it loses too much."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from graphtune.cli.arguments import LabelColumn, SplitColumn, TextColumn

if TYPE_CHECKING:
    from rich.console import Console

    from graphtune.compress import Step, Subject
    from graphtune.report.compression import Compression
    from graphtune.table import Table

_DISTIL = "2m"


def compress(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Folder that fit has written; or an encoder: its folder, minilm or a hub id.",
        ),
    ],
    into: Annotated[str, typer.Option(metavar="DIR", help="Folder of the smaller one.")],
    graph_free: Annotated[
        bool,
        typer.Option(
            "--graph-free",
            help="Let a small network on the encoder's rows learn what a model with a graph says of texts, "
            "and keep that alone.",
        ),
    ] = False,
    onnx: Annotated[bool, typer.Option("--onnx", help="Export the encoder to ONNX.")] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Export it, and make its weights and products 8-bit integers.")
    ] = False,
    scales: Annotated[
        Literal["token", "batch", "calibrated"],
        typer.Option(
            help="What shares a scale of --int8: each token has its own; a batch's tokens share one; or it "
            "is fixed by texts of the table."
        ),
    ] = "token",
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="WEIGHT", help="A weight that --int8 leaves in float32; may be given again."),
    ] = None,
    prune: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="Cut parts with so much of the encoder's FLOPs, such as 30%."),
    ] = None,
    way: Annotated[
        Literal["groups", "units", "blocks"],
        typer.Option(
            help="What --prune cuts: heads and feed-forward units; units alike in all blocks; top blocks."
        ),
    ] = "groups",
    distil: Annotated[
        str,
        typer.Option(metavar="TIME", help="How long the whole encoder teaches what --prune leaves; 0s: not."),
    ] = _DISTIL,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE",
            help="Texts to compare on, its test rows where it has such; by labels where there are any.",
            show_default="texts that the model holds",
        ),
    ] = None,
    text: TextColumn = None,
    label: LabelColumn = None,
    split: SplitColumn = None,
    max_drop: Annotated[
        float,
        typer.Option(
            metavar="POINTS",
            min=0,
            help="Points that may be lost: of accuracy; of texts that keep their label, where none is given; "
            "of the mean cosine of rows, for an encoder.",
        ),
    ] = 0.5,
    no_timing: Annotated[
        bool, typer.Option("--no-timing", help="Do not measure memory and seconds.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of every random choice.")] = 0,
) -> None:
    """Make a model smaller and faster, compare it with the original, and refuse it where it lost too much.

    What is written is used by predict, evaluate and fit --encoder like any other. A model that is refused
    ends with status 2, and nothing is written.
    """
    from rich.console import Console

    from graphtune.compress import Subject, WithoutGraph
    from graphtune.compress import compress as compressed
    from graphtune.compress.subject import check_extra
    from graphtune.errors import PlanError

    steps = _steps(onnx=onnx, int8=int8, scales=scales, keep=tuple(keep or ()))
    if prune is not None:
        steps = [_pruning(prune, way, distil), *steps]
    elif way != "groups" or distil != _DISTIL:
        raise PlanError("--way and --distil are for --prune.", fix="add --prune 30%, or leave them out.")
    if graph_free:
        steps = [WithoutGraph(seed=seed), *steps]
    if onnx or int8:
        check_extra()
    table = None if data is None else _read(Subject.of(model), data, text, label, split)
    found = compressed(
        model, Path(into), steps=steps, table=table, most=max_drop, seed=seed, timing=not no_timing
    )
    is_model = (Path(into) / "manifest.json").is_file()
    _print(found, into, Console(highlight=False, soft_wrap=True), is_model=is_model)


def _pruning(share: str, way: Literal["groups", "units", "blocks"], distil: str) -> "Step":
    from graphtune.cli.share import share_of
    from graphtune.compress import Prune
    from graphtune.plan.budget import seconds

    bare = distil.strip().rstrip("smh ")
    return Prune(share_of(share, "--prune"), way, 0.0 if bare == "0" else seconds(distil))


def _steps(
    *, onnx: bool, int8: bool, scales: Literal["token", "batch", "calibrated"], keep: tuple[str, ...]
) -> "list[Step]":
    from graphtune.compress import Export, Int8
    from graphtune.errors import PlanError

    if not int8 and (keep or scales != "token"):
        raise PlanError("--scales and --keep are for --int8.", fix="add --int8, or leave them out.")
    if int8:
        return [Export(), Int8(scales, keep)]
    return [Export()] if onnx else []


def _read(subject: "Subject", source: str, text: str | None, label: str | None, split: str | None) -> "Table":
    from graphtune.cli.rows import read_rows, say_notes

    model = subject.model
    table = read_rows(
        source,
        purpose="compress",
        remembered=None if model is None else model.outcome.text_column,
        text=text,
        label=label,
        split=split,
        separator=None if model is None else model.plan.separator,
    )
    say_notes(table)
    return table


def _print(found: "Compression", into: str, console: "Console", *, is_model: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from graphtune.report.compression import compression_lines, compression_rows

    table = Table(box=None, padding=(0, 2, 0, 2))
    for title in ("", "before", "after"):
        table.add_column(title, justify="right" if title else "left")
    for row in compression_rows(found):
        table.add_row(*map(Text, row))
    console.print(table)
    for line in compression_lines(found):
        console.print(Text(line))
    use = ["predict", into, "TABLE"] if is_model else ["fit", "TABLE", "--encoder", into]
    console.print(Text("made: ", style="cyan").append(f"{', '.join(found.steps)}, in {into}", "default"))
    console.print(Text("use it: ", style="cyan").append(shlex.join(["graphtune", *use]), "default"))
