"""``graphtune analyze``: a model's own modules as a graph, their costs, and what their weights look like."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from torch import nn

INTO = "graphtune-structure"


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
) -> None:
    """Read a model as a graph of its modules: who reads whom, parameters, FLOPs, and statistics of weights.

    Writes structure.json and structure.svg into DIR.
    """
    from rich.console import Console
    from rich.text import Text

    from graphtune import structure
    from graphtune.artefact import check_directory, written
    from graphtune.cli.module_table import module_table

    place = Path(into)
    check_directory(place, structure.STRUCTURE, "model graph of graphtune")
    structure.check_column(color, (*structure.COSTS, *structure.WEIGHT_COLUMNS))
    if png:
        structure.check_png()
    model = _model(source)
    graph = structure.read(model, tokens)
    graph = graph.with_columns(structure.weight_columns(model, graph))
    svg = structure.drawn(graph, color)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(module_table(graph))
    structure.write_structure(graph, place / structure.STRUCTURE)
    with written(place / "structure.svg") as partial:
        partial.write_text(svg, encoding="utf-8")
    if png:
        with written(place / "structure.png") as partial:
            partial.write_bytes(structure.png(svg))
    console.print(Text("edges: ", style="cyan").append(_TRACED[graph.traced], "default"))
    made = [structure.STRUCTURE, "structure.svg", *(["structure.png"] if png else [])]
    console.print(
        Text("written: ", style="cyan").append(", ".join(str(place / name) for name in made), "default")
    )


_WIDTH = 160  # letters, where no terminal says: no name is cut
_TRACED = {
    "export": "as torch.export follows them",
    "run": "as seen while one text was read",
    "module tree": "guessed from the module tree: the model could not be run",
}


def _model(source: str) -> "nn.Module":
    """Return what a name stands for, in float32.

    Raises:
        ModelError: a directory that is neither a model nor an encoder, or a model without an encoder.
        EncoderError: no such encoder, or one without modules.
    """
    import torch

    from graphtune.encoder import Transformer, from_name
    from graphtune.encoder.loading import load_model
    from graphtune.errors import EncoderError, ModelError

    directory = Path(source).expanduser()
    if directory.is_dir() and (directory / "manifest.json").is_file():
        from graphtune.run.modules import modules_of
        from graphtune.run.saved import load

        return modules_of(load(directory))
    if directory.is_dir() and not any((directory / name).is_file() for name in _MARKS):
        raise ModelError(
            f"{source} is neither a graphtune model nor an encoder: it has no manifest.json and no "
            "config.json.",
            fix="name a directory that fit has written, an encoder's directory, or minilm.",
        )
    encoder = from_name(source)
    if not isinstance(encoder, Transformer):
        raise EncoderError(
            f"The encoder {source} has no modules to read: it looks up or counts words.",
            fix="name a transformer: minilm, a Hugging Face directory or a hub id.",
        )
    return load_model(encoder.directory, torch.float32)


_MARKS = ("config.json", "0_Transformer/config.json")
