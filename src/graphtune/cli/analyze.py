"""``graphtune analyze``: a model's own modules as a graph, their costs, and what their weights look like."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphtune.cli.arguments import LabelColumn, SplitColumn, TextColumn

if TYPE_CHECKING:
    from torch import nn

    from graphtune.encoder import Encoder, Transformer

INTO = "graphtune-structure"
_BUDGET = "25%"


def analyze(
    source: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|ENCODER",
            help="Directory that fit has written; or minilm, a Hugging Face directory or a hub id, see fit.",
        ),
    ],
    into: Annotated[str, typer.Option(metavar="DIR", help="Folder of the graph and its drawing.")] = INTO,
    color: Annotated[
        str, typer.Option(metavar="COLUMN", help="What the drawing is coloured by, such as 'stable rank'.")
    ] = "parameters",
    tokens: Annotated[int, typer.Option(min=1, help="Length of the text that costs are told for.")] = 128,
    png: Annotated[bool, typer.Option("--png", help="Draw as PNG too (extra draw).")] = False,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE", help="Labelled texts, as for fit: what the encoder's modules are worth on them."
        ),
    ] = None,
    probes: Annotated[
        str,
        typer.Option(
            metavar="N|all",
            help="With --data: how many modules are measured, by tuning, pruning and rounding each alone.",
        ),
    ] = "0",
    budget: Annotated[
        str, typer.Option(metavar="SHARE", help="With --data: parameters that the tuning plan may let learn.")
    ] = _BUDGET,
    select: Annotated[
        str,
        typer.Option(
            metavar="SCORE",
            help="With --data: what the plans go by: auto (what was measured, else cheap), last-blocks, "
            "fisher, taylor, gradient-norm, relative-gradient, magnitude, uniform, random, measured or "
            "learned.",
        ),
    ] = "auto",
    text: TextColumn = None,
    label: LabelColumn = None,
    split: SplitColumn = None,
) -> None:
    """Read a model as a graph of its modules: who reads whom, parameters, FLOPs, and statistics of weights.

    Writes structure.json and structure.svg into DIR. With --data the graph is that of the encoder alone, with
    what the labelled texts say of each module, and plan.toml says what to tune, prune and quantise.
    """
    from rich.console import Console
    from rich.text import Text

    from graphtune import structure
    from graphtune.artefact import check_directory, written
    from graphtune.cli.module_table import module_table

    place = Path(into)
    check_directory(place, structure.STRUCTURE, "model graph of graphtune")
    asked = None
    if data is None:
        given = {"--probes": probes != "0", "--budget": budget != _BUDGET, "--select": select != "auto"}
        _check_data([name for name, there in given.items() if there])
    else:
        from graphtune.cli.task import Asked

        asked = Asked.of(data, probes=probes, budget=budget, select=select, columns=(text, label, split))
    told = () if asked is None else asked.columns
    structure.check_column(color, (*structure.COSTS, *structure.WEIGHT_COLUMNS, *told))
    if png:
        structure.check_png()
    if asked is None:
        model = _model(source)
        graph, plan = structure.read(model, tokens), None
        graph = graph.with_columns(structure.weight_columns(model, graph))
    else:
        graph, plan = asked.analysed(*_encoder(source), tokens, place)
    svg = structure.drawn(graph, color)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(module_table(graph, console))
    structure.write_structure(graph, place / structure.STRUCTURE)
    with written(place / "structure.svg") as partial:
        partial.write_text(svg, encoding="utf-8")
    if png:
        with written(place / "structure.png") as partial:
            partial.write_bytes(structure.png(svg))
    console.print(Text("edges: ", style="cyan").append(_TRACED[graph.traced], "default"))
    made = [structure.STRUCTURE, "structure.svg", *(["structure.png"] if png else [])]
    if plan is not None:
        for line in plan.lines:
            console.print(line, markup=False)
        with written(place / "plan.toml") as partial:
            partial.write_text(plan.text, encoding="utf-8")
        made.append("plan.toml")
    console.print(
        Text("written: ", style="cyan").append(", ".join(str(place / name) for name in made), "default")
    )


_WIDTH = 240  # letters, where no terminal says: no name is cut
_TRACED = {
    "export": "as torch.export follows them",
    "run": "as seen while one text was read",
    "module tree": "guessed from the module tree: the model could not be run",
}


def _check_data(asked: list[str]) -> None:
    """Refuse what only labelled texts can answer.

    Raises:
        PlanError: something is asked.
    """
    from graphtune.errors import PlanError

    if asked:
        ask = "asks" if len(asked) == 1 else "ask"
        raise PlanError(
            f"{' and '.join(asked)} {ask} what modules are worth on labelled texts, and there are none.",
            fix="add --data TABLE.",
        )


def _model(source: str) -> "nn.Module":
    """Return what a name stands for, in float32.

    Raises:
        ModelError: a directory that is neither a model nor an encoder, or a model without an encoder.
        EncoderError: no such encoder, or one without modules.
        MissingExtraError: what was exported cannot be run here.
    """
    from graphtune.run import FittedModel
    from graphtune.run.modules import modules_of
    from graphtune.run.source import model_or_encoder

    found = model_or_encoder(source)
    return modules_of(found) if isinstance(found, FittedModel) else _parts(found, source)[1]


def _encoder(source: str) -> "tuple[Transformer, nn.Module]":
    """Return what tokenises for a model or an encoder, and the encoder's weights in float32.

    Raises:
        ModelError: a directory that is neither a model nor an encoder, or a model without an encoder.
        EncoderError: no such encoder, or one without modules.
        MissingExtraError: what was exported cannot be run here.
    """
    from graphtune.run import FittedModel
    from graphtune.run.modules import encoder_of
    from graphtune.run.source import model_or_encoder

    found = model_or_encoder(source)
    return encoder_of(found) if isinstance(found, FittedModel) else _parts(found, source)


def _parts(encoder: "Encoder", source: str) -> "tuple[Transformer, nn.Module]":
    import torch

    from graphtune.encoder import Transformer
    from graphtune.encoder.loading import load_model
    from graphtune.errors import EncoderError

    if not isinstance(encoder, Transformer):
        raise EncoderError(
            f"The encoder {source} has no modules to read: it looks up or counts words, or was exported.",
            fix="name a transformer: minilm, a Hugging Face directory or a hub id.",
        )
    return encoder, load_model(encoder.directory, torch.float32)
