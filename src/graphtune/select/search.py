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
_SURE = 1.0  # standard errors of a lead at which the more involved of two candidates is taken
_SURE_OF_FEW = 2.0  # of a lead, with few labels, at which the usual choice is given up
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
        """Say whether ``better`` leads ``other`` by enough to be worth its price; see `_lead`."""
        return self._lead(better, other) > (_SURE_OF_FEW if self.few else _SURE)

    def _lead(self, better: Tried, other: Tried) -> float:
        """Return how far ``better`` leads, in standard errors of the paired difference over the rows.

        It is counted in right answers; with few labels in likelihood, which tells more of each row.
        """
        lead = other.losses - better.losses if self.few else better.right.astype(float) - other.right
        error = float(lead.std() / np.sqrt(self.held_out.rows))
        return float(lead.mean()) / max(error, 1e-12)

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
        order = sorted(self.tried.values(), key=lambda t: (t.complete, self._merit(t)), reverse=True)
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
        self.tried[candidate] = self._judged(candidate, probabilities, seconds)

    def _judged(self, candidate: Candidate, probabilities: np.ndarray, seconds: float) -> Tried:
        labels = self.held_out.labels[: len(probabilities)]
        heat = temperature(probabilities, labels)
        truth = calibrated(probabilities, heat)[np.arange(len(labels)), labels]
        return Tried(
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
        groups = self._groups()
        if self.few:
            members = self._members()
            self.team = Mean(members) if len(members) > 1 else next(iter(members), None)
            groups.append(members)
        for members in dict.fromkeys(groups):
            if len(set(members)) > 1:
                averaged = self._averaged(members)
                self.tried[averaged.candidate] = averaged
                bar.advance(1.0)

    def _averaged(self, members: Sequence[Candidate]) -> Tried:
        start = time.monotonic()
        table = mean(*(self.tried[member].probabilities for member in members))
        return self._judged(Mean(tuple(members)), table, time.monotonic() - start)

    def _groups(self) -> list[tuple[Candidate, ...]]:
        """Return candidates that read different things, and the best few of those with a graph."""
        meaning, words = self._best_probe("meaning"), self._best_probe("words")
        free, graph, network = self.best("graph-free"), self.best("graph"), self.best("network")
        groups = [(meaning, words), (free, graph), (graph, network), (meaning, words, graph)]
        found = [tuple(t.candidate for t in group if t is not None) for group in groups if all(group)]
        if not self.few:
            found.append(tuple(tried.candidate for tried in self._ranked("graph")[:_TEAM]))
        return found

    def _members(self) -> tuple[Candidate, ...]:
        """Return the best smoothed candidate over each graph, less those that the mean is better without."""
        best: dict[str, Candidate] = {}
        for tried in self._ranked("graph"):
            candidate = tried.candidate
            if isinstance(candidate, Smoothed) and candidate.graphs <= self.trusted:
                best.setdefault(candidate.graph, candidate)
        members = tuple(best.values())
        while len(members) > 1:
            if self._lead(self._averaged(members[:-1]), self._averaged(members)) <= _SURE:
                break
            members = members[:-1]
        return members

    def _ranked(self, family: Family) -> list[Tried]:
        able = [tried for tried in self._complete() if tried.candidate.family == family]
        return sorted(able, key=self._merit, reverse=True)

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
