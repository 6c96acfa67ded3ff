"""How fast neighbours are sampled, beside the loop over nodes that one would write in plain torch.

    python bench/sampling.py [--nodes N] [--repeats R]

A random directed graph of 100,000 nodes and 2 million edges, 1,024 seeds, fanouts 15 and 10. Both give a
graph over the sampled nodes with its weights. They take turns on the same seeds; the medians are compared.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import surroundings
from graphtune.artefact import write_json
from graphtune.graph import Sampler, TextGraph

NAME = "sampling"
BAR = 15.0  # how many times as fast
_NODES, _DEGREE, _SEEDS, _REPEATS = 100_000, 20, 1024, 5
_FANOUTS = (15, 10)


def run(out: Path) -> None:
    """Measure, and write the result."""
    result = measured(_NODES, _REPEATS)
    write_json(out / NAME / "random.json", result)
    print(line(result), flush=True)


def measured(nodes: int, repeats: int) -> dict[str, Any]:
    """Time both, in turn, each time round other seeds."""
    random = torch.Generator().manual_seed(0)
    ends = torch.randint(nodes, (2, _DEGREE * nodes), generator=random)
    graph = TextGraph.from_edges(ends[0], ends[1], nodes=nodes)
    sampler, spent, sizes = Sampler(_FANOUTS), {"graphtune": [], "plain_torch": []}, []
    for turn in range(repeats + 1):  # the first is not counted: caches and lazy parts are filled
        seeds = torch.randperm(nodes, generator=random)[:_SEEDS]
        start = time.perf_counter()
        ours = sampler.sample(graph, seeds, np.random.default_rng(turn))
        middle = time.perf_counter()
        source, _, _ = plain(graph, seeds, _FANOUTS)
        end = time.perf_counter()
        if turn:
            spent["graphtune"].append(1000 * (middle - start))
            spent["plain_torch"].append(1000 * (end - middle))
            sizes.append((ours.graph.edges, source.numel()))
    medians = {name: round(statistics.median(times), 2) for name, times in spent.items()}
    return {
        "graph": {"nodes": nodes, "edges": graph.edges, "seeds": _SEEDS, "fanouts": list(_FANOUTS)},
        "sampled_edges": dict(
            zip(spent, (round(sum(s) / repeats) for s in zip(*sizes, strict=True)), strict=True)
        ),
        "median_ms": medians,
        "all_ms": {name: [round(one, 2) for one in times] for name, times in spent.items()},
        "ratio": round(medians["plain_torch"] / medians["graphtune"], 2),
        "bar": BAR,
        "versions": surroundings.versions(),
        "hardware": surroundings.hardware(),
    }


def plain(graph: TextGraph, seeds: Tensor, fanouts: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Sample node by node; return the edges' sources and targets among the sampled nodes, and weights."""
    place = {node: number for number, node in enumerate(seeds.tolist())}
    fresh = list(place)
    sources, targets, weights = [], [], []
    for fanout in fanouts:
        found = []
        for node in fresh:
            start, end = int(graph.crow[node]), int(graph.crow[node + 1])
            count = end - start
            edges = start + (torch.randperm(count)[:fanout] if count > fanout else torch.arange(count))
            weights.append(graph.weight[edges] * max(1.0, count / fanout))
            near = graph.col[edges].tolist()
            for one in near:
                if one not in place:
                    place[one] = len(place)
                    found.append(one)
            sources += [place[one] for one in near]
            targets += [place[node]] * len(near)
        fresh = found
    weight = torch.cat(weights) if weights else torch.zeros(0)
    return torch.tensor(sources), torch.tensor(targets), weight


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    ours, theirs = result["median_ms"].values()
    return (
        f"graphtune {ours} ms, plain torch {theirs} ms: {result['ratio']} times as fast (bar {result['bar']})"
    )


def main() -> int:
    """Measure; with ``--nodes`` or ``--repeats`` only try the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--nodes", type=int, help="smoke run on a smaller graph; nothing is written")
    parser.add_argument("--repeats", type=int, help="smoke run of so many turns; nothing is written")
    given = parser.parse_args()
    if given.nodes is None and given.repeats is None:
        run(Path(__file__).parent / "results")
    else:
        print(line(measured(given.nodes or _NODES, given.repeats or _REPEATS)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
