"""How often a link joins texts of the same label: it predicts whether the graph can help.

Source: edge homophily, Zhu et al., NeurIPS 2020, arXiv:2006.11468, definition 1.
Differs from the paper: only links between rows whose label may be looked at are counted.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from graphtune.graph.text_graph import TextGraph


@dataclass(frozen=True)
class Homophily:
    """Of the links between labelled rows."""

    links: int  # directed links that were counted
    share: float | None  # that join equal labels, 0 … 1; None = no link to count
    expected: float | None  # the share if links fell at random among these labels; None = no label


def homophily(graph: TextGraph, labels: Int64[np.ndarray, " N"]) -> Homophily:
    """Measure on ``labels`` (−1 = not to be looked at); links to oneself do not count."""
    known = labels[labels >= 0]
    expected = float(((np.bincount(known) / len(known)) ** 2).sum()) if len(known) else None
    source, target = graph.source.numpy(), graph.target.numpy()
    texts = (source < len(labels)) & (target < len(labels)) & (source != target)
    first, second = labels[source[texts]], labels[target[texts]]
    counted = (first >= 0) & (second >= 0)
    links = int(counted.sum())
    share = float((first[counted] == second[counted]).mean()) if links else None
    return Homophily(links, share, expected)
