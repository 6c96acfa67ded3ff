"""``graphtune pretrain``: from unlabelled texts to a network that fits can start from."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from graphtune.cli.arguments import IdColumn, TableFile, TextColumn

if TYPE_CHECKING:
    from graphtune.initial import Initial

INTO = "graphtune-pretrained"


def pretrain(
    table: TableFile,
    text: TextColumn = None,
    split: Annotated[
        str | None, typer.Option(metavar="COL", help="Column of train, val, test; only train rows are used.")
    ] = None,
    id_: IdColumn = None,
    edges: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Links between ids; without them similar texts are linked."),
    ] = None,
    into: Annotated[str, typer.Option(metavar="DIR", help="Folder of the pre-trained network.")] = INTO,
    objective: Annotated[
        Literal["dgi", "gae", "graph-cl", "graph-mae", "masked-edges", "masking", "vgae"],
        typer.Option(
            help="What is learned: telling real from shuffled nodes (dgi), or edges from other pairs "
            "(gae, vgae); finding nodes again (graph-cl); restoring masked nodes (graph-mae, masking) "
            "or the weights of masked edges (masked-edges)."
        ),
    ] = "graph-mae",
    layer: Annotated[
        Literal["appnp", "gat", "gatv2", "gcn", "gin", "sage", "sgc"],
        typer.Option(help="Kind of the layers."),
    ] = "gcn",
    width: Annotated[int, typer.Option(min=1, help="Features of a node after each layer.")] = 64,
    depth: Annotated[int, typer.Option(min=1, help="Number of layers.")] = 2,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over all texts.", show_default="the objective's own")
    ] = None,
    encoder: Annotated[
        str,
        typer.Option(metavar="NAME", help="minilm, static, a Hugging Face directory or a hub id; see fit."),
    ] = "minilm",
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of every random choice.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted pre-training stopped.")
    ] = False,
) -> None:
    """Train a graph neural network on the texts of a table alone; labels are never read.

    ``graphtune fit TABLE --from DIR`` then tries a network that starts from it.
    """
    from rich.console import Console
    from rich.text import Text

    from graphtune import layer as layers
    from graphtune.cli.rows import say_notes
    from graphtune.initial.layers_file import check_layers_place
    from graphtune.run.pretrain import pretrain_table
    from graphtune.select.network import Network
    from graphtune.table import Columns, read_links, read_table

    check_layers_place(Path(into))
    kind = {one.__name__.lower(): one for one in layers.ALL}[layer]
    network = Network(kind, width=width, depth=depth, initial=_objective(objective, epochs))
    rows = read_table(table, Columns(text=text, split=split, id=id_), purpose="pretrain")
    links = None if edges is None else read_links(edges, frozenset(rows.ids))
    say_notes(rows)
    facts = pretrain_table(
        rows, network=network, encoder=encoder, into=Path(into), links=links, seed=seed, resume=resume
    )
    console = Console(highlight=False, soft_wrap=True)

    def line(what: str, said: str) -> None:
        console.print(Text(f"{what}: ", style="cyan").append(said, "default"))

    line("pre-trained", f"{facts}, on {facts.texts:,} texts; loss {facts.loss:.4f}")
    line("network", into)
    own = () if encoder == "minilm" else ("--encoder", encoder)
    line("use it", shlex.join(["graphtune", "fit", "TABLE", *own, "--from", into]))


def _objective(name: str, epochs: int | None) -> "Initial":
    from dataclasses import replace

    from graphtune.initial import DGI, GAE, VGAE, GraphCL, GraphMAE, MaskedEdges, Masking

    every = {
        "dgi": DGI(),
        "gae": GAE(),
        "graph-cl": GraphCL(),
        "graph-mae": GraphMAE(),
        "masked-edges": MaskedEdges(),
        "masking": Masking(),
        "vgae": VGAE(),
    }
    chosen = every[name]
    return chosen if epochs is None else replace(chosen, epochs=epochs)
