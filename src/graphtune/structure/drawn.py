"""A model graph as a picture: a row a block, lines where data flow, and colours for one column."""

import importlib.util
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape

from graphtune.errors import MissingExtraError, PlanError
from graphtune.structure.colours import Shades, said, shade
from graphtune.structure.layout import BOX_HEIGHT, BOX_WIDTH, Layout, Point
from graphtune.structure.model_graph import ModelGraph, ModuleNode

_LETTERS = 18  # that a box has room for
_LEGEND = 210.0  # pixels
_ROUND = 6.0  # radius of a corner
_STYLE = (
    "text{font:10.5px 'DejaVu Sans',Verdana,sans-serif;fill:#222}"
    ".title{font-size:15px;font-weight:700}.small{font-size:10px;fill:#555}"
    ".box{stroke:#33475b;stroke-width:.8}.flow,.past{fill:none;stroke:#5b6b7a;stroke-width:1.1}"
    ".past{stroke:#c2571a;stroke-dasharray:4 2.5}.row{fill:#f7f8fa}"
)
COSTS: Final = ("parameters", "FLOPs", "activation bytes")  # that a drawing can be coloured by


def coloured_by(graph: ModelGraph) -> Mapping[str, tuple[float, ...]]:
    """Return what a drawing can be coloured by: costs, and the graph's columns."""
    costs = zip(*((node.parameters, node.flops, node.activation_bytes) for node in graph.nodes), strict=True)
    own = dict(zip(COSTS, (tuple(map(float, cost)) for cost in costs), strict=True))
    return {**own, **graph.columns}


def check_column(colour: str, columns: Collection[str]) -> None:
    """Refuse a column that is not there.

    Raises:
        PlanError: there is no such column; those that are there are named.
    """
    if colour not in columns:
        raise PlanError(
            f"There is no column {colour!r} to colour by.", fix=f"use one of {', '.join(columns)}."
        )


def drawn(graph: ModelGraph, colour: str = "parameters") -> str:
    """Return an SVG that stands by itself; ``colour`` names one of `coloured_by`.

    Raises:
        PlanError: there is no such column.
    """
    columns = coloured_by(graph)
    check_column(colour, columns)
    values, layout = columns[colour], Layout(graph)
    shades = Shades.of(values)
    parts = [*_heading(graph, layout.width), *_legend(shades, colour, layout.width), *_bands(layout)]
    # Lines first: boxes lie above them.
    for edge in sorted(graph.edges, key=lambda one: one.residual):
        corners, curved = layout.route(edge)
        kind = "past" if edge.residual else "flow"
        ways = f"{graph.nodes[edge.source].name} → {graph.nodes[edge.target].name}"
        way = _curve(corners) if curved else _corners(corners)
        parts.append(
            f'<path class="{kind}" d="{way}" marker-end="url(#{kind})"><title>{escape(ways)}</title></path>'
        )
    for node, place, value in zip(graph.nodes, layout.places, values, strict=True):
        parts += _box(node, place, shades.colour(value), f"{colour}: {said(value).strip()}")
    wide, high = f"{layout.width:g}", f"{layout.height:g}"
    size = f'width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    return "".join([opening, f"<style>{_STYLE}</style>", *_marks(), *parts, "</svg>\n"])


def check_png() -> None:
    """See that a PNG could be drawn.

    Raises:
        MissingExtraError: the extra ``draw`` is not installed.
    """
    if importlib.util.find_spec("resvg_py") is None:
        raise MissingExtraError("draw", "A picture as PNG")


def png(svg: str, *, zoom: float = 2.0) -> bytes:
    """Return a picture as PNG, ``zoom`` pixels to each of the SVG's.

    Raises:
        MissingExtraError: the extra ``draw`` is not installed.
    """
    check_png()
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=zoom))


def _heading(graph: ModelGraph, width: float) -> list[str]:
    many = "block" if graph.depth == 1 else "blocks"
    counts = f"{graph.depth} {many} of width {graph.width}, {said(graph.parameters).strip()} parameters"
    title = f"{graph.model}: {counts}"
    more = f"one text of {graph.tokens} tokens: {said(graph.flops)}FLOP · edges: {graph.traced}"
    line = 'class="{kind}" x1="{x}" y1="66" x2="{to}" y2="66"'
    return [
        f"<title>{escape(title)}</title>",
        f'<rect width="{width:g}" height="100%" fill="#fff"/>',
        f'<text class="title" x="16" y="26">{escape(title)}</text>',
        f'<text class="small" x="16" y="46">{escape(more)}</text>',
        f"<line {line.format(kind='flow', x=16, to=46)}/>",
        '<text class="small" x="52" y="70">data flow</text>',
        f"<line {line.format(kind='past', x=116, to=146)}/>",
        '<text class="small" x="152" y="70">residual: added past the modules between</text>',
    ]


def _legend(shades: Shades, colour: str, width: float) -> list[str]:
    left, steps = width - _LEGEND - 30, 24
    each = _LEGEND / steps
    parts = [
        f'<rect x="{left + number * each:.1f}" y="54" width="{each + 0.3:.1f}" height="10" '
        f'fill="{shade((number + 0.5) / steps)}"/>'
        for number in range(steps)
    ]
    for place, name in shades.ticks():
        x = left + place * _LEGEND
        parts.append(
            f'<text class="small" x="{x:.1f}" y="77" text-anchor="middle">{escape(name.strip())}</text>'
        )
    name = f"{colour}, logarithmic" if shades.logarithmic else colour
    return [*parts, f'<text x="{left:.1f}" y="46">{escape(name)}</text>']


def _bands(layout: Layout) -> list[str]:
    parts = []
    depth = layout.graph.depth
    for block in layout.rows:
        y = layout.middle(block)
        name = f"block {block}" if 0 < block <= depth else ("input" if block == 0 and depth else "output")
        parts.append(f'<text x="10" y="{y + 4:g}">{name if depth else "modules"}</text>')
    return parts


def _box(node: ModuleNode, place: Point, colours: tuple[str, str], value: str) -> list[str]:
    x, y = place
    told = (
        f"{node.name} ({node.kind})",
        f"shape {' × '.join(map(str, node.shape)) or 'none'}, {node.parameters:,} parameters",
        f"{said(node.flops)}FLOP, {said(node.activation_bytes)}B put out",
        value,
    )
    return [
        f"<g><title>{escape(chr(10).join(told))}</title>",
        f'<rect class="box" x="{x - BOX_WIDTH / 2:g}" y="{y - BOX_HEIGHT / 2:g}" width="{BOX_WIDTH:g}" '
        f'height="{BOX_HEIGHT:g}" rx="4" fill="{colours[0]}"/>',
        f'<text x="{x:g}" y="{y + 4:g}" text-anchor="middle" style="fill:{colours[1]}">'
        f"{escape(_short(node))}</text></g>",
    ]


def _short(node: ModuleNode) -> str:
    """Return the kind of a module, or its own name where the kind says little."""
    name = node.kind
    if node.kind in ("embedding", "other"):
        name = node.name.rpartition(".")[2].replace("_", " ").replace("embeddings", "embedding")
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"


def _marks() -> list[str]:
    return [
        f'<marker id="{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" '
        'orient="auto">'
        f'<path d="M0 0.8 8 4 0 7.2z" fill="{colour}"/></marker>'
        for kind, colour in (("flow", "#5b6b7a"), ("past", "#c2571a"))
    ]


def _curve(points: Sequence[Point]) -> str:
    first, *handles = (f"{x:.1f} {y:.1f}" for x, y in points)
    return f"M{first}C{' '.join(handles)}"


def _corners(points: Sequence[Point]) -> str:
    """Return a way of straight lines with round corners."""
    way = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        (ax, ay), (bx, by) = _towards(corner, before), _towards(corner, after)
        way.append(f"L{ax:.1f} {ay:.1f}Q{corner[0]:.1f} {corner[1]:.1f} {bx:.1f} {by:.1f}")
    return "".join([*way, f"L{points[-1][0]:.1f} {points[-1][1]:.1f}"])


def _towards(corner: Point, other: Point) -> Point:
    across, down = other[0] - corner[0], other[1] - corner[1]
    length = abs(across) + abs(down)
    share = min(_ROUND, length / 2) / length if length else 0.0
    return corner[0] + across * share, corner[1] + down * share
