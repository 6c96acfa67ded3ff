"""The table of a model's modules that ``graphtune analyze`` prints."""

import math
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from graphtune.structure import ModelGraph, ModuleNode

_WIDEST = 10_000  # letters, within which no table is cut
# Heads of the columns of weight statistics, by the names they have in a model graph.
_HEADS = {
    "Frobenius norm per parameter": "norm/√n",
    "spectral norm": "spectral",
    "stable rank": "rank",
    "kurtosis": "kurtosis",
    "largest over deviation": "max/σ",
    "share near zero": "near 0",
    "Fisher": "Fisher",
    "tuning gain": "gain",
    "pruning loss": "if cut",
    "quantisation loss": "if rounded",
}


def module_table(graph: "ModelGraph", console: "Console") -> "Table":
    """Return the modules of every block with their shares of costs, and statistics of their weights.

    Where the console is too narrow for names and all that a task told, those statistics are left out.
    """
    from graphtune.structure import WEIGHT_COLUMNS

    whole = _table(graph, [name for name in graph.columns if name in _HEADS])
    told = [name for name in graph.columns if name in _HEADS and name not in WEIGHT_COLUMNS]
    if (
        not told
        or console.measure(whole, options=console.options.update(width=_WIDEST)).maximum <= console.width
    ):
        return whole
    return _table(graph, told)


def _table(graph: "ModelGraph", measured: list[str]) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from graphtune.report.wording import counted

    title = (
        f"{graph.model}: {counted(graph.depth, 'block')} of width {graph.width}, "
        f"{graph.parameters:,} parameters, "
        f"{graph.flops / 1e9:.3g} GFLOP for a text of {graph.tokens} tokens"
    )
    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=Text(title, style="bold"), title_justify="left"
    )
    table.add_column("module", overflow="fold", min_width=12)
    table.add_column("kind", no_wrap=True)
    table.add_column("shape", no_wrap=True)
    for head in ("parameters", "%", "MFLOP", "%"):
        table.add_column(head, justify="right", no_wrap=True)
    for name in measured:
        table.add_column(_HEADS[name], justify="right", no_wrap=True)
    for block in sorted({node.block for node in graph.nodes}):
        places = [place for place, node in enumerate(graph.nodes) if node.block == block]
        own = [graph.nodes[place] for place in places]
        table.add_row(Text(_block(block, graph.depth)), "", "", *_costs(own, graph), style="bold")
        before = _shared([node.name for node in own])
        for place in places:
            node = graph.nodes[place]
            numbers = [_number(graph.columns[name][place]) for name in measured]
            shape = "×".join(map(str, node.shape))
            name = Text("  " + node.name[before:])
            table.add_row(name, node.kind, shape, *_costs([node], graph), *numbers)
    return table


def _block(block: int, depth: int) -> str:
    if not depth:
        return "modules"
    return f"block {block}" if 0 < block <= depth else ("before the blocks" if block == 0 else "behind them")


def _costs(nodes: "list[ModuleNode]", graph: "ModelGraph") -> list[str]:
    parameters, flops = sum(node.parameters for node in nodes), sum(node.flops for node in nodes)
    return [
        f"{parameters:,}",
        f"{parameters / max(graph.parameters, 1):.1%}".rstrip("%"),
        f"{flops / 1e6:,.1f}" if flops else "0",
        f"{flops / max(graph.flops, 1):.1%}".rstrip("%"),
    ]


def _shared(names: list[str]) -> int:
    """Return how many letters the parts take that all names begin with, and their dots."""
    parts = zip(*(name.split(".")[:-1] for name in names), strict=False)
    return sum(len(first) + 1 for first, *_ in takewhile(lambda at: len(set(at)) == 1, parts))


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "–"
