"""How fast a layer learns on a large graph, beside PyTorch Geometric's layer of the same method.

    python bench/kernels.py [LAYER...] [--nodes N] [--turns T]

One step: gradients cleared, forward, the mean square of the output, backward. A random directed graph of
100,000 nodes and nearly 2 million edges, 128 float32 features in and out, which want their gradient as those
of an inner layer do. PyG runs on a list of edges and, where its layer takes it, on a CSR matrix. All have
the same weights, and all keep from step to step what their library can keep.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import limits
import smoke
import surroundings
from contest import Timed, Way, contest, ratio
from graphtune.artefact import write_json

NAME = "kernels"
_NODES, _DEGREE, _WIDTH, _HEADS, _TURNS = 100_000, 20, 128, 4, 5
_OURS, _EDGE_INDEX, _CSR = "graphtune", "pyg_edge_index", "pyg_csr"
# Of PyG's parameters by ours.
_PARAMETERS = {
    "gcn": {"weight.weight": "lin.weight", "bias": "bias"},
    "sage": {"near.weight": "lin_l.weight", "own.bias": "lin_l.bias", "own.weight": "lin_r.weight"},
    "gat": {"weight.weight": "lin.weight", "sent": "att_src", "received": "att_dst", "bias": "bias"},
}
_PRODUCTS = {"gcn": 1, "sage": 2, "gat": 1}  # dense ones of a forward pass


@dataclass(frozen=True)
class Bar:
    """What a layer is held to."""

    edge_index: float  # times as fast as PyG on a list of edges
    csr: float | None = None  # times as fast as PyG on a CSR matrix
    peak: float | None = None  # of the peak memory of PyG's process on a list of edges, at most


BARS = {"gcn": Bar(4.0, csr=1.5), "sage": Bar(4.0, csr=1.5), "gat": Bar(5.0, peak=1 / 3)}


@dataclass(frozen=True, eq=False)
class Step:
    """One step of training; returns the loss."""

    layer: nn.Module
    x: Tensor
    adjacency: Any

    def __call__(self) -> float:
        self.layer.zero_grad()
        self.x.grad = None
        loss = self.layer(self.x, self.adjacency).square().mean()
        loss.backward()
        return float(loss.detach())


def run(out: Path, names: Sequence[str] = tuple(BARS)) -> None:
    """Measure every layer, and write the results."""
    for name in names:
        result = measured(name, _NODES, _TURNS)
        write_json(out / NAME / f"{name}.json", result)
        print(line(result), flush=True)


def measured(name: str, nodes: int, turns: int) -> dict[str, Any]:
    """Time the steps of a layer in turn."""
    bar, size = BARS[name], (name, nodes, _WIDTH)
    ways = [Way(_OURS, ours, size), Way(_EDGE_INDEX, on_edge_index, size)]
    if bar.csr is not None:
        ways.append(Way(_CSR, on_csr, size))
    found = contest([*ways, *limits.ways("float32")], turns=turns)
    edges = random_edges(nodes).shape[1]
    ratios = {way.name: ratio(found[way.name], found[_OURS]) for way in ways[1:]}
    shares = {way.name: _peak_shares(found[_OURS], found[way.name]) for way in ways[1:]}
    losses = {way.name: found[way.name].told for way in ways}
    met = (
        ratios[_EDGE_INDEX]["median"] >= bar.edge_index
        and (bar.csr is None or ratios[_CSR]["median"] >= bar.csr)
        and (bar.peak is None or shares[_EDGE_INDEX]["process"] <= bar.peak)
        and all(math.isclose(loss, losses[_OURS], rel_tol=1e-4) for loss in losses.values())
    )
    return {
        "layer": name,
        "graph": {"nodes": nodes, "edges": edges, "directed": True, "sorted_by": "target"},
        "features": {"inputs": _WIDTH, "outputs": _WIDTH, "format": "float32"}
        | ({"heads": _HEADS} if name == "gat" else {}),
        "ways": {way.name: found[way.name].facts() for way in ways},
        "loss": losses,
        "ratio": ratios,
        "peak_share": shares,
        # Of a step; each product comes once more for each of its two gradients.
        "work": {
            "products_gflop": round(6e-9 * _PRODUCTS[name] * nodes * _WIDTH**2, 3),
            "messages_gb": round(2 * 4e-9 * edges * _WIDTH, 3),
        },
        "limit": limits.facts(found),
        "bar": {name: value for name, value in asdict(bar).items() if value is not None},
        "met": met,
        **surroundings.facts("torch-geometric"),
    }


def ours(name: str, nodes: int, width: int) -> Step:
    """Prepare a step of our layer."""
    from graphtune.graph import TextGraph
    from graphtune.layer import GAT, GCN, SAGE

    layer = GAT(width, width, _HEADS) if name == "gat" else {"gcn": GCN, "sage": SAGE}[name](width, width)
    source, target = random_edges(nodes)
    graph = TextGraph.from_edges(source, target, nodes=nodes)
    return Step(_with_weights(layer, tuple(_PARAMETERS[name])), _features(nodes, width), graph)


def on_edge_index(name: str, nodes: int, width: int) -> Step:
    """Prepare a step of PyG's layer on a list of edges."""
    from torch_geometric.nn import GATConv, GCNConv, SAGEConv

    layer = {
        "gcn": lambda: GCNConv(width, width, cached=True),
        "sage": lambda: SAGEConv(width, width),
        "gat": lambda: GATConv(width, width // _HEADS, _HEADS),
    }[name]()
    weighted = _with_weights(layer, tuple(_PARAMETERS[name].values()))
    return Step(weighted, _features(nodes, width), random_edges(nodes))


def on_csr(name: str, nodes: int, width: int) -> Step:
    """Prepare a step of PyG's layer on a CSR matrix; for a GCN the matrix is normalised here, once."""
    from torch_geometric.nn import GCNConv, SAGEConv
    from torch_geometric.nn.conv.gcn_conv import gcn_norm
    from torch_geometric.utils import to_torch_csr_tensor

    matrix = to_torch_csr_tensor(random_edges(nodes).flip(0), size=nodes)
    if name == "gcn":
        matrix, _ = gcn_norm(matrix)
        layer = GCNConv(width, width, normalize=False)
    else:
        layer = SAGEConv(width, width)
    # 32-bit positions, as ours: torch's product takes them as they are.
    narrow = torch.sparse_csr_tensor(
        matrix.crow_indices().int(), matrix.col_indices().int(), matrix.values(), (nodes, nodes)
    )
    return Step(_with_weights(layer, tuple(_PARAMETERS[name].values())), _features(nodes, width), narrow)


def random_edges(nodes: int) -> Tensor:
    """Return sources and targets, sorted by target; the same ones whenever it is called."""
    drawn = torch.randint(nodes * nodes, (_DEGREE * nodes,), generator=torch.Generator().manual_seed(0))
    # Neither an edge twice nor a loop: attention and CSR matrices would make something else of them than a
    # list of edges does.
    unique = torch.unique(drawn)
    ends = torch.stack([unique % nodes, unique // nodes])
    return ends[:, ends[0] != ends[1]].contiguous()


def _features(nodes: int, width: int) -> Tensor:
    return torch.randn(nodes, width, generator=torch.Generator().manual_seed(1)).requires_grad_()


def _with_weights(layer: nn.Module, names: Sequence[str]) -> nn.Module:
    random = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in map(layer.get_parameter, names):
            parameter.copy_(0.1 * torch.randn(parameter.numel(), generator=random).view_as(parameter))
    return layer


def _peak_shares(ours_: Timed, theirs: Timed) -> dict[str, float | None]:
    """Return our peak memory as a share of theirs: of the processes, and of what came after preparation."""
    grown = theirs.peak_mib - theirs.prepared_mib
    return {
        "process": round(ours_.peak_mib / theirs.peak_mib, 3),
        "after_preparation": round((ours_.peak_mib - ours_.prepared_mib) / grown, 3) if grown else None,
    }


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    parts = [
        f"{name} {result['ways'][name]['median_s']} s: {speed['median']} times as fast "
        f"(bar {result['bar'].get(name.removeprefix('pyg_'))})"
        for name, speed in result["ratio"].items()
    ]
    share, most = result["peak_share"][_EDGE_INDEX]["process"], result["bar"].get("peak")
    return (
        f"{result['layer']}: graphtune {result['ways'][_OURS]['median_s']} s, {', '.join(parts)}; "
        f"peak {share} of {_EDGE_INDEX}" + ("" if most is None else f" (bar {most:.3f})")
    )


def main() -> int:
    """Measure; with ``--nodes`` or ``--turns`` only try the script."""

    def tried(name: str, nodes: int | None, turns: int | None) -> str:
        return line(measured(name, nodes or _NODES, turns or _TURNS))

    return smoke.main(__doc__, run, tried, sizes=smoke.NODES | smoke.TURNS, named="layer", names=tuple(BARS))


if __name__ == "__main__":
    sys.exit(main())
