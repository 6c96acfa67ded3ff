"""How fast neighbours are sampled, beside the loop over nodes that one would write in plain torch.

    python bench/sampling.py [--nodes N] [--turns T]

A random directed graph of 100,000 nodes and 2 million edges, 1,024 seeds, fanouts 15 and 10. Both give a
graph over the sampled nodes with its weights. They take turns on the same seeds, which differ every time.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import smoke
import surroundings
from contest import Way, contest, ratio
from graphtune.artefact import write_json
from graphtune.graph import Sampler, TextGraph

NAME = "sampling"
BAR = 15.0  # how many times as fast
_NODES, _DEGREE, _SEEDS, _TURNS = 100_000, 20, 1024, 5
_FANOUTS = (15, 10)

Sample = Callable[[], int]  # returns the number of edges


def run(out: Path) -> None:
    """Measure, and write the result."""
    result = measured(_NODES, _TURNS)
    write_json(out / NAME / "random.json", result)
    print(line(result), flush=True)


def measured(nodes: int, turns: int) -> dict[str, Any]:
    """Time both, in turn, each time round other seeds."""
    size = (nodes, min(_SEEDS, nodes))
    ways = [Way("graphtune", ours, size), Way("plain_torch", theirs, size)]
    found = contest(ways, turns=turns)
    speed = ratio(found["plain_torch"], found["graphtune"])
    return {
        "graph": {
            "nodes": nodes,
            "edges": random_graph(nodes).edges,
            "seeds": size[1],
            "fanouts": list(_FANOUTS),
        },
        "sampled_edges_of_last_turn": {way.name: found[way.name].told for way in ways},
        "ways": {way.name: found[way.name].facts() for way in ways},
        "ratio": speed,
        "bar": BAR,
        "met": speed["median"] >= BAR,
        **surroundings.facts(),
    }


def ours(nodes: int, seeds: int) -> Sample:
    """Prepare the sampler."""
    graph, sampler, turns = random_graph(nodes), Sampler(_FANOUTS), enumerate(_seeds(nodes, seeds))

    def work() -> int:
        turn, drawn = next(turns)
        return sampler.sample(graph, drawn, np.random.default_rng(turn)).graph.edges

    return work


def theirs(nodes: int, seeds: int) -> Sample:
    """Prepare the loop over nodes."""
    graph, drawn = random_graph(nodes), _seeds(nodes, seeds)

    def work() -> int:
        source, _, _ = plain(graph, next(drawn), _FANOUTS)
        return source.numel()

    return work


def random_graph(nodes: int) -> TextGraph:
    """Return a random directed graph; the same whenever it is called."""
    ends = torch.randint(nodes, (2, _DEGREE * nodes), generator=torch.Generator().manual_seed(0))
    return TextGraph.from_edges(ends[0], ends[1], nodes=nodes)


def _seeds(nodes: int, size: int) -> Iterator[Tensor]:
    # Drawn before the clock starts: a permutation takes a while beside the sampling itself.
    order = torch.randperm(nodes, generator=torch.Generator().manual_seed(1))
    return cycle(order[: nodes // size * size].split(size))


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
    own, other = (round(1000 * one["median_s"], 2) for one in result["ways"].values())
    return (
        f"graphtune {own} ms, plain torch {other} ms: {result['ratio']['median']} times as fast "
        f"(bar {result['bar']})"
    )


def main() -> int:
    """Measure; with ``--nodes`` or ``--turns`` only try the script."""

    def tried(nodes: int | None, turns: int | None) -> str:
        return line(measured(nodes or _NODES, turns or _TURNS))

    return smoke.main(__doc__, run, tried, sizes=smoke.NODES | smoke.TURNS)


if __name__ == "__main__":
    sys.exit(main())
