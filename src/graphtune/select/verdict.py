"""Does the graph earn its place? The choice between the best candidates with and without one."""

from dataclasses import dataclass

import numpy as np

from graphtune.metric import paired_bootstrap
from graphtune.select.outcome import Verdict
from graphtune.select.standing import Standing, Tried


@dataclass(frozen=True, eq=False)
class Choice:
    """What is saved, and what it was held against."""

    chosen: Tried
    free: Tried | None  # the best without a graph, if one was tried
    graph: Tried | None  # the best with one
    verdict: Verdict


def choose(standing: Standing, *, exactly: bool = False) -> Choice:
    """Choose between the best candidates with and without a graph; if ``exactly``, whichever is the best.

    With many labels the graph-free candidate is taken unless the graph clearly leads it. With few, held-out
    rows seldom tell, and the graph is taken unless the graph-free candidate clearly leads.
    """
    if exactly:
        best, free = standing.first(), standing.best("graph-free")
        text = "The plan asked for exactly this: it was held against nothing else."
        return Choice(best, free, None, Verdict(bool(best.candidate.graphs), 0.0, 0.0, 0.0, text))
    free, linear, network = standing.first("graph-free"), standing.best("graph"), standing.best("network")
    graph = linear
    if network is not None and (linear is None or standing.clearly(network, linear)):
        # A network that does not lead the graph-free candidate must not cost a linear one that does.
        graph = network if linear is None or standing.clearly(network, free) else linear
    return between(graph, free, standing)


def between(graph: Tried | None, free: Tried, standing: Standing, *, usual: bool = True) -> Choice:
    """Choose between two candidates, with a graph and without, both judged by all parts of ``standing``.

    ``usual``: with few labels, whether the graph is taken unless the other clearly leads, or the other way.
    """
    rows = standing.rows
    if graph is None:
        text = "No graph of texts was tried, so none is used."
        return Choice(free, free, None, Verdict(False, 0.0, 0.0, 0.0, text))
    first, second = _by_row(graph, standing), _by_row(free, standing)
    gain = paired_bootstrap(first, second)
    value, low, high = 100 * gain.value, 100 * gain.low, 100 * gain.high
    by_default = standing.few and usual
    helps = not standing.clearly(free, graph) if by_default else standing.clearly(graph, free)
    said = f"{value:+.1f} points (95 % interval {low:+.1f} to {high:+.1f}) on {rows} held-out rows"
    if not helps:
        text = f"The graph does not help enough: {said}. The graph-free model is saved."
        return Choice(free, free, graph, Verdict(False, value, low, high, text))
    text = f"The graph helps: {said}."
    if low <= 0:
        why = (
            "with few labels it is left out only where it clearly loses"
            if by_default
            else "its likelihood clearly leads"
            if standing.few
            else "its lead is small"
        )
        text = f"The graph is used, though it is not sure to help: {said}; {why}."
    return Choice(graph, free, graph, Verdict(True, value, low, high, text))


def _by_row(tried: Tried, standing: Standing) -> np.ndarray:
    """Return each row's share of right answers; with repeated folds a row judges several times."""
    repeats, right = standing.held_out.repeats, tried.right.astype(np.float64)
    if repeats == 1:
        return right
    rows = np.concatenate([part.held for part in standing.held_out.parts])
    kinds, place = np.unique(rows, return_inverse=True)
    return np.bincount(place, right, len(kinds)) / np.bincount(place, minlength=len(kinds))
