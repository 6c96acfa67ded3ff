"""Which candidates are worth averaging, and which are worth trying."""

from collections.abc import Collection, Sequence

from graphtune.select.candidate import Candidate
from graphtune.select.features import View
from graphtune.select.graphs import NamedGraph
from graphtune.select.mean import Mean, mean
from graphtune.select.probe import Probe
from graphtune.select.smoothed import Smoothed
from graphtune.select.standing import SURE, Standing, Tried

_TEAM = 5  # candidates with a graph that are averaged


def averaged(standing: Standing, members: Sequence[Candidate]) -> Tried:
    """Return the mean of candidates that were judged by the same parts."""
    table = mean([standing.tried[member].probabilities for member in members])
    return standing.judged(Mean(tuple(members)), table, 0.0)


def groups(standing: Standing) -> list[tuple[Candidate, ...]]:
    """Return candidates that read different things, and the best few of those with a graph."""
    meaning, words = _best_probe(standing, "meaning"), _best_probe(standing, "words")
    free, graph, network = (standing.best(family) for family in ("graph-free", "graph", "network"))
    wanted = [(meaning, words), (free, graph), (graph, network), (meaning, words, graph)]
    found = [tuple(t.candidate for t in group if t is not None) for group in wanted if all(group)]
    if not standing.few:
        found.append(tuple(tried.candidate for tried in standing.ranked("graph")[:_TEAM]))
    return [group for group in dict.fromkeys(found) if len(set(group)) > 1]


def team(standing: Standing, graphs: Collection[str]) -> tuple[Candidate, ...]:
    """Return the best smoothed candidate over each of ``graphs``, less those the mean is better without."""
    best: dict[str, Candidate] = {}
    for tried in standing.ranked("graph"):
        candidate = tried.candidate
        if isinstance(candidate, Smoothed) and candidate.graphs <= set(graphs):
            best.setdefault(candidate.graph, candidate)
    members = tuple(best.values())
    while len(members) > 1:
        without, whole = averaged(standing, members[:-1]), averaged(standing, members)
        if standing.lead(without, whole) <= standing.beyond(SURE):
            break
        members = members[:-1]
    return members


def worth_reading(
    standing: Standing, linear: Sequence[Candidate], named: Sequence[NamedGraph]
) -> list[Candidate]:
    """Return those that may lead: without several blocks, where the last alone tells clearly more.

    The probes of both are compared on the parts that both were judged by: one that was given up, being behind
    what reads a graph, need not be behind the other.
    """
    meaning, blocks = _longest_judged(standing, "meaning"), _longest_judged(standing, "blocks")
    if not meaning or not blocks or standing.lead(meaning, blocks) <= standing.beyond(SURE):
        return [*linear]
    views = {one.name: one.view for one in named}
    return [one for one in linear if "blocks" not in one.reads | {views[name] for name in one.graphs}]


def _longest_judged(standing: Standing, view: View) -> Tried | None:
    able = [t for t in standing.tried.values() if isinstance(t.candidate, Probe) and t.candidate.view == view]
    return max(able, key=lambda tried: (tried.parts, standing.merit(tried)), default=None)


def _best_probe(standing: Standing, view: View) -> Tried | None:
    able = [t for t in standing.complete if isinstance(t.candidate, Probe) and t.candidate.view == view]
    return standing.best_of(able)
