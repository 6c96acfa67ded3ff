"""Pairs of like texts, and texts that are easily confused, read off a graph.

Source: positives and hard negatives, Schroff et al., CVPR 2015, arXiv:1503.03832, section 3.2; pairs of few
labels as in SetFit, Tunstall et al., 2022, arXiv:2209.11055, section 3.
Differs from the papers: both are neighbours in a graph, so that there are as many pairs as texts at most,
where SetFit's number grows with the square; one pair a text.
"""

import numpy as np
from jaxtyping import Int64

from graphtune.graph.text_graph import TextGraph


def mined_pairs(
    graph: TextGraph, labels: Int64[np.ndarray, " N"], most: int, generator: np.random.Generator
) -> Int64[np.ndarray, "J 3"]:
    """Return up to ``most`` rows of a node, a neighbour of its class, and its nearest one of another class.

    A node without a class (-1), or without a neighbour of its own, is in none; -1 stands for a third that is
    not there. Nodes come in a random order, the second is drawn at random. Cost: O(E).
    """
    receiver = np.repeat(np.arange(graph.nodes), np.diff(graph.crow.numpy()))
    source, weight = graph.col.numpy(), graph.weight.numpy()
    known = (labels[receiver] >= 0) & (labels[source] >= 0) & (receiver != source)
    same = known & (labels[receiver] == labels[source])
    drawn = _first(receiver[same], source[same], generator.random(int(same.sum())), graph.nodes)
    other = known & ~same
    hard = _first(receiver[other], source[other], -weight[other], graph.nodes)
    order = generator.permutation(np.flatnonzero(drawn >= 0))[:most]
    return np.stack([order, drawn[order], hard[order]], axis=1)


def _first(
    receiver: Int64[np.ndarray, " E"], source: Int64[np.ndarray, " E"], key: np.ndarray, nodes: int
) -> Int64[np.ndarray, " N"]:
    """Return, for each node, the source with the smallest key; -1 where it has none."""
    found = np.full(nodes, -1, dtype=np.int64)
    order = np.lexsort((source, key, receiver))
    receiver, source = receiver[order], source[order]
    begins = np.flatnonzero(np.diff(receiver, prepend=-1))
    found[receiver[begins]] = source[begins]
    return found
