"""Try candidates on held-out rows, cheapest first, within a budget of time."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

import numpy as np

from graphtune import progress
from graphtune.select import grid, means
from graphtune.select.candidate import Candidate
from graphtune.select.data import Data, OutOfTime
from graphtune.select.extent import Extent
from graphtune.select.features import DenseView
from graphtune.select.graphs import NamedGraph
from graphtune.select.held_out import HeldOut
from graphtune.select.journal import Journal
from graphtune.select.mean import Mean
from graphtune.select.outcome import Family, Scored
from graphtune.select.probe import Probe
from graphtune.select.standing import Standing, Tried

_FINALISTS: dict[Family, int] = {"graph-free": 4, "graph": 4, "network": 1}


@dataclass(eq=False)
class Search:
    """A search, and in `standing` what it has come to: of use at any time."""

    data: Data
    held_out: HeldOut
    seed: int
    deadline: float  # on the clock of time.monotonic; networks stop then, and nothing new is begun
    journal: Journal | None = None
    left_out: list[Candidate] = field(default_factory=list)
    too_large: list[Candidate] = field(default_factory=list)
    late: set[Candidate] = field(default_factory=set)  # stopped by the clock, with some parts done
    cut: set[Candidate] = field(default_factory=set)  # trained for less long than it would, as turns end
    standing: Standing = field(init=False)

    def __post_init__(self) -> None:
        few = grid.labels_are_few(len(self.data.labelled), self.data.classes)
        self.standing = Standing(self.held_out, few, self.held_out.first)

    def run(
        self, named: Sequence[NamedGraph], *, up_to: Family = "network", start: str | None = None
    ) -> None:
        """Try everything the grid holds for these graphs, up to one kind, then means of the best.

        ``start``: directory of a pre-trained network; what starts from it is tried, whatever the time.

        Where only a first part has judged, the best of each family are then judged by the others too.
        """
        few, standing = self.standing.few, self.standing
        views, extent = self.data.features.maker.views, Extent.of(self.data)
        linear = grid.propagated(named, few=few, views=views)
        every = grid.probes(few=few, views=views, several=self.data.several)
        probes = [probe for probe in every if extent.allows(probe)]
        self.too_large.extend(probe for probe in every if not extent.allows(probe))
        networks = up_to == "network" and not self.data.several
        most = len(probes) + len(linear) + (start is not None)
        most += 0 if few else 2 * len(grid.smoothed(Probe(), named))
        most += len(grid.networks("", "meaning", few=few)) if networks else 0
        with progress.bar("candidates", float(most), "tried") as bar:
            # Whatever the time, the simplest candidates with and without a graph are there to compare, and
            # of many labels one that reads words: these alone may tell the classes.
            self._try_all([*probes[:1], *linear[:2]], bar, always=True)
            self._try_all([probe for probe in probes if extent.soon(probe)][1:2], bar, always=True)
            self._try_all(probes, bar)
            self._try_all(means.worth_reading(standing, linear, named), bar)
            if not few:
                self._try_all(grid.smoothed(standing.first("graph-free").candidate, named), bar)
            best = standing.best("graph")
            if best is not None and networks:
                self._try_all(grid.networks(*self._place(best.candidate), few=few), bar)
            if best is not None and start is not None:
                self._try_all([grid.started(start, min(best.candidate.graphs))], bar, always=True)
            self._try_means(named)
            if not few:
                self._try_all(grid.smoothed(standing.first().candidate, named), bar)
        if self._finals(self._finalists()):
            self._try_means(named)

    def go_on(
        self, named: Sequence[NamedGraph], deadline: float, *, up_to: Family, start: str | None
    ) -> None:
        """Try what a first deadline left no time for, until another."""
        for candidate in self.late:
            self.standing.tried.pop(candidate, None)
        for told in (self.late, self.left_out, self.too_large):
            told.clear()
        self.deadline = deadline
        self.run(named, up_to=up_to, start=start)

    def run_only(self, candidates: Sequence[Candidate], *, exactly: bool = False) -> None:
        """Try what the user's plan asks for, whatever the time.

        A graph-free probe is tried too, to hold it against, unless ``exactly`` this is asked for.
        """
        enough = exactly or any(candidate.family == "graph-free" for candidate in candidates)
        asked = [*candidates] if enough else [Probe(), *candidates]
        with progress.bar("candidates", float(len(asked)), "tried") as bar:
            self._try_all(asked, bar, always=True)
        self._finals([self.standing.tried[candidate] for candidate in dict.fromkeys(asked)], whole=True)

    @property
    def said(self) -> str:
        """By what it was chosen."""
        if self.held_out.first == self.standing.parts:
            return self.held_out.said
        parts = self.standing.parts
        return f"{self.held_out.said}; then, between the best of each kind, {parts} parts in turn"

    def scored(self) -> tuple[Scored, ...]:
        """Return every candidate's figures, the best first, then those without a figure."""
        return self.standing.scored(self.left_out, self.late, self.too_large)

    def _try_all(self, candidates: Iterable[Candidate], bar: progress.Bar, *, always: bool = False) -> None:
        for candidate in candidates:
            if candidate in self.standing.tried or candidate in self.left_out:
                continue
            if not always and time.monotonic() > self.deadline:
                self.left_out.append(candidate)
            else:
                self._try(candidate, whole=always)
            bar.advance(1.0)

    def _try(self, candidate: Candidate, *, whole: bool) -> None:
        standing, data = self.standing, self.data if whole else replace(self.data, deadline=self.deadline)
        kept = self._kept(candidate, standing.parts)
        if kept is not None:
            standing.tried[candidate] = kept
            return
        leader, tried = standing.best(), None
        while tried is None or tried.parts < standing.parts:
            try:
                tried = self._further(candidate, tried, data)
            except OutOfTime:
                self.left_out.append(candidate)
                return
            if whole or tried.parts >= standing.parts:
                continue
            if leader and standing.behind(tried, leader):
                break
            if time.monotonic() > self.deadline:
                self.late.add(candidate)
                break
        standing.tried[candidate] = tried
        # What only the time cut short is tried whole after a resume.
        if candidate not in self.late:
            self._keep(tried)
        progress.say(f"  {100 * tried.accuracy:5.1f} %  {tried.seconds:5.1f} s  {candidate}")

    def _further(self, candidate: Candidate, tried: Tried | None, data: Data) -> Tried:
        """Let one more part judge."""
        done, seconds, start = 0, 0.0, time.monotonic()
        if tried is not None:
            done, seconds = tried.parts, tried.seconds
        before = 0 if data.turns is None else data.turns.cut
        table = self.held_out.parts[done].predict(candidate, data, self.seed)
        if data.turns is not None and data.turns.cut > before:
            self.cut.add(candidate)
        if tried is not None:
            table = np.concatenate([tried.probabilities, table])
        return self.standing.judged(candidate, table, seconds + time.monotonic() - start)

    def _finalists(self) -> list[Tried]:
        """Return the best of each family; with few labels, the members of the usual choice too."""
        team = self.standing.team
        chosen = dict.fromkeys(team.members if isinstance(team, Mean) else ())
        for family, count in _FINALISTS.items():
            singles = [t for t in self.standing.ranked(family) if not isinstance(t.candidate, Mean)]
            chosen |= dict.fromkeys(t.candidate for t in singles[:count])
        return [self.standing.tried[candidate] for candidate in chosen]

    def _finals(self, able: list[Tried], *, whole: bool = False) -> bool:
        """Let the parts that have not judged yet decide between the best; say whether one more did.

        When time is out, those parts count that judged every linear finalist. A network that it runs out on,
        or that is behind, takes part no longer; where ``whole``, time does not matter.
        """
        standing = self.standing
        # Networks last, so that what they have no time for does not cost the others their part.
        able = sorted(able, key=lambda tried: tried.candidate.family == "network")
        rounds = len(self.held_out.parts) - standing.parts
        with progress.bar("the best, on more rows", float(rounds * len(able)), "tried") as bar:
            for _ in range(rounds):
                further: list[Tried] = []
                for tried in able:
                    more = self._another(tried, whole=whole)
                    bar.advance(1.0)
                    if more is not None:
                        further.append(more)
                    elif tried.candidate.family != "network":
                        return standing.parts > self.held_out.first
                    else:
                        self.late.add(tried.candidate)
                standing.parts += 1
                standing.tried.update({tried.candidate: tried for tried in further})
                leader = standing.first()
                able = [
                    t
                    for t in further
                    if whole or t.candidate.family != "network" or not standing.behind(t, leader)
                ]
        return standing.parts > self.held_out.first

    def further(self, candidate: Candidate, tried: Tried | None, deadline: float) -> Tried | None:
        """Let one more part judge a candidate; None if ``deadline`` comes before the end."""
        done = 0 if tried is None else tried.parts
        kept = self._kept(candidate, done + 1)
        if kept is not None and kept.parts > done:
            return kept
        try:
            more = self._further(candidate, tried, replace(self.data, deadline=deadline))
        except OutOfTime:
            return None
        self._keep(more)
        return more

    def _another(self, tried: Tried, *, whole: bool) -> Tried | None:
        """Let one more part judge a finalist; None if there is no time."""
        if not whole and time.monotonic() > self.deadline:
            kept = self._kept(tried.candidate, tried.parts + 1)
            return kept if kept is not None and kept.parts > tried.parts else None
        return self.further(tried.candidate, tried, float("inf") if whole else self.deadline)

    def _try_means(self, named: Sequence[NamedGraph]) -> None:
        standing = self.standing
        groups = means.groups(standing)
        if standing.few:
            linked = [one.name for one in named if one.has_links]
            members = means.team(standing, linked or [one.name for one in named])
            standing.team = Mean(members) if len(members) > 1 else next(iter(members), None)
            if len(members) > 1:
                groups.append(members)
        for members in groups:
            tried = means.averaged(standing, members)
            standing.tried[tried.candidate] = tried

    def _kept(self, candidate: Candidate, parts: int) -> Tried | None:
        """Return what an interrupted search knew of a candidate, of the first ``parts`` parts."""
        # A name does not tell every setting.
        kept = self.journal.find(repr(candidate)) if self.journal else None
        if kept is None:
            return None
        return self.standing.judged(candidate, kept[0][: int(self.held_out.ends[parts - 1])], kept[1])

    def _keep(self, tried: Tried) -> None:
        # With more time, what a turn has cut is trained further; so are what stands on it and its own parts.
        said = repr(tried.candidate)
        if self.journal and not any(said in one or one in said for one in map(repr, self.cut)):
            self.journal.keep(repr(tried.candidate), tried.probabilities, tried.seconds)

    @staticmethod
    def _place(candidate: Candidate) -> tuple[str, DenseView]:
        views: dict[str, DenseView] = {view: view for view in get_args(DenseView)}
        inner = candidate
        while not hasattr(inner, "view"):
            inner = inner.base if hasattr(inner, "base") else inner.members[0]  # type: ignore[attr-defined]
        return min(candidate.graphs), views.get(getattr(inner, "view", "meaning"), "meaning")
