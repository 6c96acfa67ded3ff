"""The candidates a search tries, cheapest first, by what the table offers.

The settings were chosen on held-out pieces of *training* rows of banking77, clinc150, r8, trec6, agnews,
snips, subj and mr, never on test rows.
"""

from collections.abc import Sequence
from itertools import product

from graphtune.graph import Hops
from graphtune.layer import GAT, GCN, SAGE
from graphtune.select.candidate import Candidate
from graphtune.select.features import View
from graphtune.select.network import Network
from graphtune.select.probe import Probe
from graphtune.select.propagated import Propagated
from graphtune.select.smoothed import Smoothed

FEW = 50  # labelled rows a class: up to here labels are few

_NEAR, _FAR = Hops(2, 0.3), Hops(6, 0.2)
_SPREAD, _SPREAD_NEAR = Hops(10, 0.3), Hops(5, 0.5)


def probes(*, few: bool, same: bool) -> list[Candidate]:
    """Return the graph-free candidates; ``same`` = the encoder is the TF-IDF itself."""
    if few:
        return [Probe("meaning", 50.0), Probe("words", 50.0), *([] if same else [Probe("all", 20.0)])]
    found: list[Candidate] = [Probe("meaning", 5.0), Probe("meaning", 50.0)]
    found += [Probe("words", 5.0), Probe("words", 50.0)]
    return found if same else [*found, Probe("all", 5.0), Probe("all", 20.0), Probe("all", 100.0)]


def propagated(graphs: Sequence[str], views: Sequence[View], *, few: bool) -> list[Candidate]:
    """Return linear candidates over every graph, each followed by its smoothed form.

    Candidates that share propagated features follow each other, since those are kept.
    """
    found: list[Candidate] = []
    reaches = (_NEAR, _FAR) if few else (_NEAR, Hops(2, 0.5))
    for graph, view, hops in product(graphs, views, reaches):
        base = Propagated(view, graph, hops)
        found += [base, Smoothed(base, graph, _SPREAD if few else _SPREAD_NEAR)]
    return found


def smoothed(base: Candidate, graphs: Sequence[str]) -> list[Candidate]:
    """Return the Correct & Smooth forms of one base."""
    ways = ((_SPREAD_NEAR, 0.0), (_SPREAD, 0.0), (_SPREAD_NEAR, 1.0))
    return [Smoothed(base, graph, hops, correct) for graph, (hops, correct) in product(graphs, ways)]


def networks(graph: str, view: View) -> list[Candidate]:
    """Return one network of each kind, over the graph and view that served the linear candidates best."""
    return [Network(layer, view, graph) for layer in (GCN, SAGE, GAT)]
