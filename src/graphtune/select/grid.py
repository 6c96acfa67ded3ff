"""The candidates a search tries, cheapest first, by what the table offers.

The settings were chosen on held-out pieces of *training* rows of banking77, clinc150, r8, trec6, agnews,
snips, subj, mr, cora and citeseer, never on test rows.
"""

from collections.abc import Collection, Sequence
from itertools import product
from pathlib import Path
from typing import get_args

from graphtune import layer
from graphtune.errors import PlanError
from graphtune.graph import Hops
from graphtune.initial import Pretrained
from graphtune.initial.layers_file import read_layers_facts
from graphtune.layer import GAT, GCN, SAGE
from graphtune.select.candidate import Candidate
from graphtune.select.features import DenseView, View
from graphtune.select.graphs import NamedGraph
from graphtune.select.network import Network, takes
from graphtune.select.probe import Probe
from graphtune.select.propagated import Propagated
from graphtune.select.smoothed import Smoothed

_SPARSE: tuple[View, ...] = ("words", "all")
_APART: tuple[View, ...] = ("meaning", "words", "blocks")  # the encoder's views and that of words, not fused

FEW = 50  # labelled rows a class: up to here labels are few

_NEAR, _FAR, _ALONG_LINKS = Hops(2, 0.3), Hops(6, 0.2), Hops(10, 0.1)
_SPREAD, _SPREAD_NEAR = Hops(10, 0.3), Hops(5, 0.5)


def labels_are_few(labelled: int, classes: int) -> bool:
    """Say whether so many labelled rows of so many classes are few."""
    return labelled <= FEW * classes


def probes(*, few: bool, views: Collection[View], several: bool = False) -> list[Probe]:
    """Return the graph-free candidates that read some of ``views``.

    Where texts have ``several`` labels, words alone are read by linear SVMs too, whatever their number: each
    label is learned by itself, of rows that are mostly without it.
    """
    if several:
        sparse: list[View] = [view for view in _SPARSE if view in views]
        margins = [Probe(view, strength, "squared hinge") for strength in (1.0, 3.0) for view in sparse]
        blocks = [Probe("blocks", 50.0)] if "blocks" in views else []
        return [Probe("meaning", 50.0), *margins, Probe("meaning", 5.0), *blocks]
    strengths = (50.0,) if few else (5.0, 50.0)
    read: list[View] = [view for view in _APART if view in views]
    found = [Probe(view, strength) for view in read for strength in strengths]
    if few:
        # Of few rows the dense fusion tells as much as the sparse one, in a fraction of the time.
        return [*found, Probe("both", 50.0)] if "both" in views else found
    # The hinge costs a fraction of the likelihood's time on sparse rows, and is often the better of the two.
    wide: View = "all" if "all" in views else "words"
    found += [Probe(wide, strength, "squared hinge") for strength in (0.3, 1.0, 3.0)]
    return [*found, Probe("all", 20.0)] if "all" in views else found


def propagated(named: Sequence[NamedGraph], *, few: bool, views: Collection[View]) -> list[Candidate]:
    """Return linear candidates over every graph that read ``views``, each followed by its smoothed form.

    Candidates that share propagated features follow each other, since those are kept.
    """
    found: list[Candidate] = []
    for graph in named:
        far = _ALONG_LINKS if graph.has_links else _FAR
        reaches = (_NEAR, far) if few else (_NEAR, Hops(2, 0.5))
        several: tuple[DenseView, ...] = ("blocks",) if "blocks" in views else ()
        read: tuple[DenseView, ...] = tuple(dict.fromkeys(("meaning", graph.view, *several)))
        for reach, view in product(reaches, read):
            base = Propagated(view, graph.name, reach)
            found += [base, Smoothed(base, graph.name, _SPREAD if few else _SPREAD_NEAR)]
    return found


def smoothed(base: Candidate, named: Sequence[NamedGraph]) -> list[Candidate]:
    """Return the Correct & Smooth forms of one base.

    Not for few labels: there, smoothing a probe was behind smoothing propagated features on every held-out
    piece of banking77's training rows, and only made the choice harder.
    """
    ways = ((_SPREAD_NEAR, 0.0), (_SPREAD, 0.0), (_SPREAD_NEAR, 1.0))
    return [Smoothed(base, graph.name, hops, correct) for graph, (hops, correct) in product(named, ways)]


def networks(graph: str, view: DenseView, *, few: bool) -> list[Candidate]:
    """Return one network of each kind, over the graph and view that served the linear candidates best.

    Each is followed by its smoothed form, which needs no further training.
    """
    bases = [Network(layer, view, graph) for layer in (GCN, SAGE, GAT)]
    hops = _SPREAD if few else _SPREAD_NEAR
    return [candidate for base in bases for candidate in (base, Smoothed(base, graph, hops))]


def started(directory: str, graph: str) -> Network:
    """Return the network that starts from a pre-trained one on disk, over a graph.

    Raises:
        PlanError: its layers are of a kind that is not known here, or their view is not.
        ModelError: the directory is missing, incomplete or altered.
    """
    facts = read_layers_facts(Path(directory))
    kinds = {kind.__name__: kind for kind in layer.ALL}
    views: dict[str, DenseView] = {view: view for view in get_args(DenseView)}
    if facts.layer not in kinds or facts.view not in views:
        raise PlanError(
            f"The network in {directory} has {facts.layer} layers over the view {facts.view}; known are "
            f"{', '.join(kinds)} over {', '.join(views)}.",
            fix="name it in a plan: a Network with its layer, and initial = Pretrained.",
        )
    return Network(
        kinds[facts.layer],
        views[facts.view],
        graph,
        facts.width,
        facts.depth,
        initial=Pretrained(directory),
        **{name: getattr(facts, name) for name in takes(kinds[facts.layer])},
    )
