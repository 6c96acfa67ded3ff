"""A few neighbours of each node in place of all: mini-batches from a graph that is too large for one.

Source: Hamilton et al., NeurIPS 2017, arXiv:1706.02216, algorithm 2; the draws are Floyd's (Bentley & Floyd,
Communications of the ACM 30(9), 1987, algorithm F2), for all rows at once.
Differs from the paper: drawn without replacement; weights are divided by the chance that an edge is drawn,
and degrees stay those of the whole graph; each node draws once, at the first hop that reaches it, and its
edges serve every layer.
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor

from graphtune.errors import GraphError, PlanError
from graphtune.graph.text_graph import TextGraph


@dataclass(frozen=True, eq=False)
class Sampled:
    """A part of a larger graph in which ``rows`` receive what was drawn for them."""

    graph: TextGraph
    nodes: Int64[Tensor, " N"]  # of the larger graph, each once
    rows: Int64[Tensor, " B"]  # where the nodes that were asked for stand in ``nodes``


@dataclass(frozen=True)
class Sampler:
    """At most ``fanouts[0]`` neighbours of each node asked for, ``fanouts[1]`` of each of those, and so on.

    Raises:
        PlanError: there is no fanout, or one is less than 1.
    """

    fanouts: tuple[int, ...] = (15, 10)  # one a hop, the first next to the nodes that are asked for

    def __post_init__(self) -> None:
        if not self.fanouts or min(self.fanouts) < 1:
            raise PlanError(
                f"fanouts = {self.fanouts} draw no neighbours.", fix="give 1 or more for each hop: (15, 10)."
            )

    def reaching(self, hops: int) -> "Sampler":
        """Return one that draws at least so many hops; those it did not reach take the last fanout."""
        return Sampler(self.fanouts + self.fanouts[-1:] * (hops - len(self.fanouts)))

    def sample(self, graph: TextGraph, seeds: Int64[Tensor, " B"], generator: np.random.Generator) -> Sampled:
        """Return a part of ``graph``, which lies in main memory. Its first nodes are ``seeds``, each once.

        A node with no more neighbours than the fanout keeps them all. Of the others the drawn edges weigh
        more by neighbours / fanout: then the expected weighted sum over a node's edges is the one over all of
        them, with the whole graph's normalisations too. Layers that ignore weights, such as attention, are
        not unbiased in this sense. Loops are no neighbours: every node keeps its own as it is. The nodes of
        the last hop receive nothing else.
        Cost: O(S fanout) time for S sampled edges, whatever the degrees; after the first call for a graph,
        which finds its loops and degrees.

        Raises:
            GraphError: a seed is not one of the graph's texts.
        """
        if seeds.numel() and not 0 <= int(seeds.min()) <= int(seeds.max()) < graph.texts:
            raise GraphError(
                f"Seeds {int(seeds.min())} … {int(seeds.max())} are not all among the {graph.texts} texts.",
                fix="sample round text nodes.",
            )
        asked = seeds.numpy()
        # Neither is written as a whole, so that their cost is that of the entries in use.
        reached, place = np.zeros(graph.nodes, dtype=bool), np.empty(graph.nodes, dtype=np.int64)
        first = fresh = _unique(asked[::-1], place)[::-1]
        reached[first] = True
        found, drawn = [], []
        for fanout in self.fanouts:
            edges = _draw(graph, fresh, fanout, generator)
            drawn.append(edges)
            fresh = _unique(edges.source[~reached[edges.source]], place)
            reached[fresh] = True
            found.append(fresh)
        rest = np.concatenate(found)
        words = rest >= graph.texts
        nodes = np.concatenate([first, rest[~words], rest[words]])
        return Sampled(_part(graph, nodes, drawn, place), torch.from_numpy(nodes), _at(place, asked))


def received(graph: TextGraph, rows: Int64[Tensor, " B"]) -> Sampled:
    """Return the part in which ``rows``, each once, receive all they do, and their sources only from loops.

    One layer of one hop gives ``rows`` what it gives them in the whole graph. The nodes are sorted.
    """
    asked = rows.numpy()
    edges = _draw(graph, asked, max(1, graph.edges), np.random.default_rng(0))
    needed, place = np.zeros(graph.nodes, dtype=bool), np.empty(graph.nodes, dtype=np.int64)
    needed[asked] = needed[edges.source] = True
    nodes = np.flatnonzero(needed)
    return Sampled(_part(graph, nodes, [edges], place), torch.from_numpy(nodes), _at(place, asked))


@dataclass(frozen=True, eq=False)
class _Edges:
    source: Int64[np.ndarray, " E"]
    target: Int64[np.ndarray, " E"]
    weight: Float[np.ndarray, " E"]


def _draw(
    graph: TextGraph, nodes: Int64[np.ndarray, " N"], fanout: int, generator: np.random.Generator
) -> _Edges:
    """Return up to ``fanout`` of the edges that each of ``nodes`` receives, its loop aside."""
    crow, loops = graph.crow.numpy(), graph.loops.numpy()
    start, end, loop = crow[nodes], crow[nodes + 1], loops[nodes]
    count = end - start - (loop < end)
    many = count > fanout
    row, offset = _ranges(np.where(many, 0, count))
    crowded = np.flatnonzero(many)
    chosen = _subsets(count[crowded], fanout, generator)
    row = np.concatenate([row, np.repeat(crowded, fanout)])
    offset = np.concatenate([offset, chosen.T.ravel()])
    edge = start[row] + offset
    edge += edge >= loop[row]
    weight = graph.weight.numpy()
    scale = np.maximum(count / fanout, 1.0).astype(weight.dtype)
    return _Edges(graph.col.numpy()[edge], nodes[row], weight[edge] * scale[row])


def _subsets(
    count: Int64[np.ndarray, " N"], size: int, generator: np.random.Generator
) -> Int[np.ndarray, "K N"]:
    """Return, as columns, a random subset of ``size`` of the numbers below each count (all are larger)."""
    if not len(count):
        return np.zeros((0, 0), dtype=np.int32)
    # 32 bits: the comparisons below are most of the work.
    last = count.astype(np.int32) - size
    chosen = np.empty((size, len(count)), dtype=np.int32)
    for number in range(size):
        top = last + number
        pick = (generator.random(len(count)) * (top + 1)).astype(np.int32)
        taken = (chosen[:number] == pick).any(axis=0)
        chosen[number] = np.where(taken, top, pick)
    return chosen


def _ranges(count: Int64[np.ndarray, " N"]) -> tuple[Int64[np.ndarray, " E"], Int64[np.ndarray, " E"]]:
    """Return each row ``count`` times, and beside it 0, 1, … within the row."""
    row = np.repeat(np.arange(len(count)), count)
    return row, np.arange(len(row)) - (np.cumsum(count) - count)[row]


def _unique(values: Int64[np.ndarray, " E"], place: Int64[np.ndarray, " N"]) -> Int64[np.ndarray, " _"]:
    """Return each value once, where it stands last; ``place`` is scratch. Quicker than sorting."""
    order = np.arange(len(values))
    place[values] = order
    return values[place[values] == order]


def _at(place: Int64[np.ndarray, " N"], nodes: Int64[np.ndarray, " B"]) -> Int64[Tensor, " B"]:
    return torch.from_numpy(place[nodes])


def _part(
    graph: TextGraph,
    nodes: Int64[np.ndarray, " M"],
    drawn: list[_Edges],
    place: Int64[np.ndarray, " N"],
) -> TextGraph:
    """Build the graph over ``nodes`` of the drawn edges and all loops; ``place`` then says where they are."""
    place[nodes] = np.arange(len(nodes))
    loop = graph.loops.numpy()[nodes]
    held = np.flatnonzero(loop < graph.crow.numpy()[nodes + 1])
    source = np.concatenate([*(place[edges.source] for edges in drawn), held])
    target = np.concatenate([*(place[edges.target] for edges in drawn), held])
    weight = np.concatenate([*(edges.weight for edges in drawn), graph.weight.numpy()[loop[held]]])
    matrix = scipy.sparse.coo_array((weight, (target, source)), shape=(len(nodes), len(nodes)))
    part = TextGraph.from_scipy(matrix, texts=int((nodes < graph.texts).sum()))
    # In NumPy: torch would wait for its threads, on a busy machine longer than for the rest of this.
    return replace(part, whole_degree=torch.from_numpy(graph.degree.numpy()[nodes]))
