"""Try candidates on held-out rows, cheapest first, within a budget of time."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float32, Float64

from graphtune import progress
from graphtune.select import grid
from graphtune.select.calibration import calibrated, temperature
from graphtune.select.candidate import Candidate
from graphtune.select.data import Data
from graphtune.select.features import DenseView, View
from graphtune.select.graphs import NamedGraph
from graphtune.select.held_out import HeldOut
from graphtune.select.journal import Journal
from graphtune.select.mean import Mean, mean
from graphtune.select.outcome import Family, Scored
from graphtune.select.probe import Probe
from graphtune.select.smoothed import Smoothed

_TEAM = 5  # candidates with a graph that are averaged
_SURE = 1.0  # standard errors of a lead in accuracy at which the more involved of two candidates is taken
_SURE_OF_FEW = 2.0  # of a lead in likelihood, with few labels, at which the usual choice is given up
_BEHIND = 2.0  # standard errors of the paired difference at which a candidate is given up
_NEVER_BEHIND = 0.01  # share of accuracy within which none is given up


@dataclass(frozen=True, eq=False)
class Tried:
    """A candidate with its probabilities of the judging rows, part after part."""

    candidate: Candidate
    probabilities: Float32[np.ndarray, "B C"]
    right: Bool[np.ndarray, " B"]
    losses: Float64[np.ndarray, " B"]  # negative log-likelihood of each row after calibration, nats
    temperature: float
    parts: int
    seconds: float
    complete: bool

    @property
    def accuracy(self) -> float:
        """Mean over judging rows, 0 … 1."""
        return float(self.right.mean())

    @property
    def likelihood(self) -> float:
        """Mean negative log-likelihood after calibration, nats."""
        return float(self.losses.mean())


@dataclass(eq=False)
class Search:
    """What was tried so far; `best` is usable at any time."""

    data: Data
    held_out: HeldOut
    seed: int
    deadline: float  # on the clock of time.monotonic; nothing new is begun after it
    journal: Journal | None = None
    tried: dict[Candidate, Tried] = field(default_factory=dict)
    left_out: list[Candidate] = field(default_factory=list)
    trusted: frozenset[str] = frozenset()  # graphs that hold the user's links, or all where there are none
    team: Candidate | None = None  # with few labels: the mean over every graph's best smoothed candidate

    def run(self, named: Sequence[NamedGraph], *, same: bool) -> None:
        """Try everything the grid holds for these graphs, then means of the best."""
        few = self.few
        linked = frozenset(one.name for one in named if one.has_links)
        self.trusted = linked or frozenset(one.name for one in named)
        linear = grid.propagated(named, few=few)
        with progress.bar("candidates", float(len(linear) + 8 + 3 * len(named)), "tried") as bar:
            probes = grid.probes(few=few, same=same)
            # Whatever the time, the simplest candidates with and without a graph are there to compare.
            self._try_all([*probes[:1], *linear[:2]], bar, always=True)
            self._try_all(probes, bar)
            self._try_all(linear, bar)
            if not few:
                self._try_all(grid.smoothed(self.first("graph-free").candidate, named), bar)
            best = self.best("graph")
            if best is not None:
                self._try_all(grid.networks(*self._place(best.candidate)), bar)
            self._try_means(bar)
            if not few:
                self._try_all(grid.smoothed(self.first().candidate, named), bar)

    @property
    def few(self) -> bool:
        """Whether labels are few, so that whole probabilities tell more than counts of right answers."""
        return int((self.data.labels >= 0).sum()) <= grid.FEW * self.data.classes

    def run_only(self, candidates: Sequence[Candidate]) -> None:
        """Try what the user's plan asks for, and the graph-free probe that it is held against."""
        asked = [*candidates] if any(c.family == "graph-free" for c in candidates) else [Probe(), *candidates]
        with progress.bar("candidates", float(len(asked)), "tried") as bar:
            self._try_all(asked, bar, always=True)

    def best(self, *families: Family) -> Tried | None:
        """Return the best complete candidate of some families (none named = of all), if there is one."""
        return self._best([t for t in self._complete() if not families or t.candidate.family in families])

    def first(self, *families: Family) -> Tried:
        """Return what `best` does, where the search always has one."""
        found = self.best(*families)
        if found is None:
            raise AssertionError(f"no candidate of {families or 'any family'} was tried")
        return found

    def clearly(self, better: Tried, other: Tried) -> bool:
        """Say whether ``better`` leads ``other`` by more than chance: by some standard errors over the rows.

        The lead is counted in right answers; with few labels in likelihood, which tells more of each row.
        """
        lead = other.losses - better.losses if self.few else better.right.astype(float) - other.right
        sure = _SURE_OF_FEW if self.few else _SURE
        return bool(lead.mean() > sure * lead.std() / np.sqrt(self.held_out.rows))

    def _complete(self) -> list[Tried]:
        return [tried for tried in self.tried.values() if tried.complete]

    def _best(self, able: Sequence[Tried]) -> Tried | None:
        best = max(able, key=self._merit, default=None)
        if best is None:
            return None
        if self.few:
            # Which of two graphs is better is the least certain thing that few labels decide: averaging is
            # the safer choice wherever it is not clearly worse.
            usual = next((t for t in able if t.candidate == self.team), best)
        else:
            usual = max((t for t in able if not isinstance(t.candidate, Mean)), key=self._merit, default=best)
        return best if self.clearly(best, usual) else usual

    def _merit(self, tried: Tried) -> tuple[float, float]:
        # Right answers are counted in steps of whole rows: too coarse a measure where few rows judge.
        accuracy = round(tried.accuracy, 6)
        return (-tried.likelihood, accuracy) if self.few else (accuracy, -tried.likelihood)

    def scored(self) -> tuple[Scored, ...]:
        """Return every candidate's figures, the best first, then those without a figure."""
        order = sorted(self.tried.values(), key=lambda t: (t.complete, t.accuracy), reverse=True)
        told = [self._scored(tried) for tried in order]
        left = [
            Scored(str(c), c.family, float("nan"), float("nan"), float("nan"), 0, 0.0, "left out: no time")
            for c in self.left_out
        ]
        return (*told, *left)

    def _scored(self, tried: Tried) -> Scored:
        rows = self.held_out.rows * tried.parts / len(self.held_out.parts)
        error = float(np.sqrt(tried.accuracy * (1 - tried.accuracy) / max(rows, 1)))
        note = "" if tried.complete else f"given up after {tried.parts} of {len(self.held_out.parts)} parts"
        return Scored(
            str(tried.candidate),
            tried.candidate.family,
            tried.accuracy,
            error,
            tried.likelihood,
            tried.parts,
            tried.seconds,
            note,
        )

    def _try_all(self, candidates: Iterable[Candidate], bar: progress.Bar, *, always: bool = False) -> None:
        for candidate in candidates:
            if candidate in self.tried:
                continue
            if not always and time.monotonic() > self.deadline:
                self.left_out.append(candidate)
            else:
                self._try(candidate, whole=always)
            bar.advance(1.0)

    def _try(self, candidate: Candidate, *, whole: bool) -> None:
        kept = self.journal.find(repr(candidate)) if self.journal else None
        if kept is not None:
            self._keep(candidate, *kept)
            return
        start = time.monotonic()
        leader = self.best()
        found: list[np.ndarray] = []
        for part in self.held_out.parts:
            found.append(part.predict(candidate, self.data, self.seed))
            last = len(found) == len(self.held_out.parts)
            late = time.monotonic() > self.deadline
            costly = candidate.family == "network"
            if not (whole or last) and (late or (leader and self._behind(found, leader, costly=costly))):
                break
        probabilities, seconds = np.concatenate(found), time.monotonic() - start
        self._keep(candidate, probabilities, seconds)
        tried = self.tried[candidate]
        # What only the time cut short is tried whole after a resume. A name does not tell every setting.
        if self.journal and (tried.complete or time.monotonic() <= self.deadline):
            self.journal.keep(repr(candidate), probabilities, seconds)
        progress.say(f"  {100 * tried.accuracy:5.1f} %  {seconds:5.1f} s  {candidate}")

    def _keep(self, candidate: Candidate, probabilities: np.ndarray, seconds: float) -> None:
        labels = self.held_out.labels[: len(probabilities)]
        heat = temperature(probabilities, labels)
        truth = calibrated(probabilities, heat)[np.arange(len(labels)), labels]
        self.tried[candidate] = Tried(
            candidate,
            probabilities,
            probabilities.argmax(axis=1) == labels,
            -np.log(np.maximum(truth, 1e-9)).astype(np.float64),
            heat,
            int(np.searchsorted(self.held_out.ends, len(labels))) + 1,
            seconds,
            len(labels) == len(self.held_out.labels),
        )

    def _behind(self, found: list[np.ndarray], leader: Tried, *, costly: bool) -> bool:
        # A network costs as much as all linear candidates: it must be level from the first part on.
        probabilities = np.concatenate(found)
        labels = self.held_out.labels[: len(probabilities)]
        right = (probabilities.argmax(axis=1) == labels).astype(float)
        difference = leader.right[: len(right)] - right
        if costly:
            return bool(difference.mean() > 0)
        error = difference.std() / np.sqrt(len(right))
        return bool(difference.mean() > max(_BEHIND * error, _NEVER_BEHIND))

    def _try_means(self, bar: progress.Bar) -> None:
        for members in self._teams():
            candidate = Mean(members)
            tables = [self.tried[member].probabilities for member in members]
            start = time.monotonic()
            self._keep(candidate, mean(*tables), time.monotonic() - start)
            bar.advance(1.0)

    def _teams(self) -> list[tuple[Candidate, ...]]:
        """Return groups whose members read different things, and the best few of those with a graph."""
        meaning, words = self._best_probe("meaning"), self._best_probe("words")
        free, graph, network = self.best("graph-free"), self.best("graph"), self.best("network")
        groups = [(meaning, words), (free, graph), (graph, network), (meaning, words, graph)]
        ranked = sorted(self._complete(), key=self._merit, reverse=True)
        linear = [t for t in ranked if t.candidate.family == "graph"]
        if self.few:
            members = self._members(linear)
            groups.append(members)
            mean_of = Mean(tuple(t.candidate for t in members))
            self.team = mean_of if len(members) > 1 else next(iter(mean_of.members), None)
        else:
            groups.append(tuple(linear[:_TEAM]))
        teams: list[tuple[Candidate, ...]] = []
        for group in groups:
            members = tuple(dict.fromkeys(t.candidate for t in group if t is not None))
            if len(members) == len(group) > 1 and members not in teams:
                teams.append(members)
        return teams

    def _members(self, ranked: Sequence[Tried]) -> tuple[Tried, ...]:
        """Return the best smoothed candidate over each graph, less those clearly behind the best."""
        best: dict[str, Tried] = {}
        for tried in ranked:
            candidate = tried.candidate
            if isinstance(candidate, Smoothed) and candidate.graphs <= self.trusted:
                best.setdefault(candidate.graph, tried)
        firsts = tuple(best.values())
        return tuple(tried for tried in firsts if not self.clearly(firsts[0], tried))

    def _best_probe(self, view: View) -> Tried | None:
        able = [t for t in self._complete() if isinstance(t.candidate, Probe) and t.candidate.view == view]
        return self._best(able)

    @staticmethod
    def _place(candidate: Candidate) -> tuple[str, DenseView]:
        inner = candidate
        while not hasattr(inner, "view"):
            inner = inner.base if hasattr(inner, "base") else inner.members[0]  # type: ignore[attr-defined]
        view: DenseView = "both" if getattr(inner, "view", "meaning") == "both" else "meaning"
        return min(candidate.graphs), view
