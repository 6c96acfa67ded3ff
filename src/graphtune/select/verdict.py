"""Does the graph earn its place? The choice between the best candidates with and without one."""

import numpy as np

from graphtune.metric import paired_bootstrap
from graphtune.select.outcome import Verdict
from graphtune.select.search import Search, Tried

_TOO_FEW = 300  # judging rows; with fewer, one standard error is wider than what a graph usually gains


def choose(search: Search) -> tuple[Tried, Tried, Verdict]:
    """Return the chosen candidate, the best graph-free one, and the verdict on the graph.

    One-standard-error rule: the graph-free candidate is taken unless the graph's lead is more than one
    standard error of the paired difference. Where the judging rows are too few to tell a standard error from
    nothing, the better mean decides.
    """
    free = search.best("graph-free")
    if free is None:
        raise AssertionError("the first candidate of every search is graph-free")
    linear, network = search.best("graph"), search.best("network")
    rows = search.held_out.rows
    graph = linear
    if network is not None and (linear is None or _leads(network, linear, rows)):
        graph = network
    if graph is None:
        return free, free, Verdict(False, 0.0, 0.0, 0.0, "No graph was tried, so none is used.")
    first, second = _by_row(graph, search), _by_row(free, search)
    gain = paired_bootstrap(first, second)
    value, low, high = 100 * gain.value, 100 * gain.low, 100 * gain.high
    helps = _leads(graph, free, rows)
    said = f"{value:+.1f} points (95 % interval {low:+.1f} to {high:+.1f}) on {rows} held-out rows"
    if helps:
        sure = "" if low > 0 else "; the interval includes 0, so this is likely rather than sure"
        return graph, free, Verdict(True, value, low, high, f"The graph helps: {said}{sure}.")
    text = f"The graph does not help enough: {said}. The graph-free model is saved."
    return free, free, Verdict(False, value, low, high, text)


def _leads(involved: Tried, simple: Tried, rows: int) -> bool:
    difference = involved.right.astype(float) - simple.right
    if rows < _TOO_FEW:
        return bool(
            difference.mean() > 0 or (difference.mean() == 0 and involved.likelihood < simple.likelihood)
        )
    return bool(difference.mean() > difference.std() / np.sqrt(rows))


def _by_row(tried: Tried, search: Search) -> np.ndarray:
    """Return each row's share of right answers; with repeated folds a row judges several times."""
    repeats, right = search.held_out.repeats, tried.right.astype(np.float64)
    if repeats == 1:
        return right
    rows = np.concatenate([part.held for part in search.held_out.parts])
    kinds, place = np.unique(rows, return_inverse=True)
    return np.bincount(place, right, len(kinds)) / np.bincount(place, minlength=len(kinds))
