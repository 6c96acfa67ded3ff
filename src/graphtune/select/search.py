"""Try candidates on held-out rows, cheapest first, within a budget of time."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float32

from graphtune import progress
from graphtune.select import grid
from graphtune.select.calibration import calibrated, temperature
from graphtune.select.candidate import Candidate
from graphtune.select.data import Data
from graphtune.select.features import View
from graphtune.select.held_out import HeldOut
from graphtune.select.journal import Journal
from graphtune.select.mean import Mean, mean
from graphtune.select.outcome import Family, Scored
from graphtune.select.probe import Probe

_BEHIND = 2.0  # standard errors of the paired difference at which a candidate is given up
_NEVER_BEHIND = 0.01  # share of accuracy within which none is given up


@dataclass(frozen=True, eq=False)
class Tried:
    """A candidate with its probabilities of the judging rows, part after part."""

    candidate: Candidate
    probabilities: Float32[np.ndarray, "B C"]
    right: Bool[np.ndarray, " B"]
    likelihood: float  # mean negative log-likelihood after calibration, nats
    temperature: float
    parts: int
    seconds: float
    complete: bool

    @property
    def accuracy(self) -> float:
        """Mean over judging rows, 0 … 1."""
        return float(self.right.mean())


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

    def run(self, graphs: Sequence[str], *, few: bool, same: bool) -> None:
        """Try everything the grid holds for these graphs, then means of the best."""
        probes = grid.probes(few=few, same=same)
        views: tuple[View, ...] = ("meaning",) if same else ("meaning", "both")
        with progress.bar("candidates", float(len(probes) + 8 * len(graphs) + 10), "tried") as bar:
            self._try_all(probes, bar)
            self._try_all(grid.propagated(graphs, views, few=few), bar)
            free, graph = self.best("graph-free"), self.best("graph")
            if free is None:
                return
            self._try_all(grid.smoothed(free.candidate, graphs), bar)
            if graph is not None and graphs:
                place = self._place(graph.candidate)
                self._try_all(grid.networks(*place), bar)
            self._try_means(bar)
            best = self.best()
            if best is not None and graphs:
                self._try_all(grid.smoothed(best.candidate, graphs), bar)

    def run_only(self, candidates: Sequence[Candidate]) -> None:
        """Try what the user's plan asks for, and the graph-free probe that it is held against."""
        asked = [*candidates] if any(c.family == "graph-free" for c in candidates) else [Probe(), *candidates]
        with progress.bar("candidates", float(len(asked)), "tried") as bar:
            self._try_all(asked, bar)

    def best(self, *families: Family) -> Tried | None:
        """Return the best complete candidate of some families (none named = of all)."""
        able = [t for t in self.tried.values() if t.complete]
        if families:
            able = [t for t in able if t.candidate.family in families]
        return max(able, key=lambda t: (round(t.accuracy, 6), -t.likelihood), default=None)

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

    def _try_all(self, candidates: Iterable[Candidate], bar: progress.Bar) -> None:
        for candidate in candidates:
            if candidate in self.tried:
                continue
            # The first candidate is always tried: without it there would be no model at all.
            if self.tried and time.monotonic() > self.deadline:
                self.left_out.append(candidate)
            else:
                self._try(candidate)
            bar.advance(1.0)

    def _try(self, candidate: Candidate) -> None:
        kept = self.journal.find(str(candidate)) if self.journal else None
        if kept is not None:
            self._keep(candidate, *kept)
            return
        start = time.monotonic()
        leader = self.best()
        found: list[np.ndarray] = []
        for part in self.held_out.parts:
            found.append(part.predict(candidate, self.data, self.seed))
            if len(found) < len(self.held_out.parts) and leader and self._behind(found, leader):
                break
            if leader and len(found) < len(self.held_out.parts) and time.monotonic() > self.deadline:
                break
        probabilities, seconds = np.concatenate(found), time.monotonic() - start
        self._keep(candidate, probabilities, seconds)
        if self.journal:
            self.journal.keep(str(candidate), probabilities, seconds)
        tried = self.tried[candidate]
        progress.say(f"  {100 * tried.accuracy:5.1f} %  {seconds:5.1f} s  {candidate}")

    def _keep(self, candidate: Candidate, probabilities: np.ndarray, seconds: float) -> None:
        labels = self.held_out.labels[: len(probabilities)]
        heat = temperature(probabilities, labels)
        truth = calibrated(probabilities, heat)[np.arange(len(labels)), labels]
        self.tried[candidate] = Tried(
            candidate,
            probabilities,
            probabilities.argmax(axis=1) == labels,
            float(-np.log(np.maximum(truth, 1e-9)).mean()),
            heat,
            int(np.searchsorted(self.held_out.ends, len(labels))) + 1,
            seconds,
            len(labels) == len(self.held_out.labels),
        )

    def _behind(self, found: list[np.ndarray], leader: Tried) -> bool:
        probabilities = np.concatenate(found)
        labels = self.held_out.labels[: len(probabilities)]
        right = (probabilities.argmax(axis=1) == labels).astype(float)
        difference = leader.right[: len(right)] - right
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
        """Return groups whose members read different things."""
        meaning = self._best_probe("meaning")
        words = self._best_probe("words")
        free, graph, network = self.best("graph-free"), self.best("graph"), self.best("network")
        groups = [(meaning, words), (free, graph), (graph, network), (meaning, words, graph)]
        teams: list[tuple[Candidate, ...]] = []
        for group in groups:
            members = tuple(dict.fromkeys(t.candidate for t in group if t is not None))
            if len(members) == len(group) and members not in teams:
                teams.append(members)
        return teams

    def _best_probe(self, view: View) -> Tried | None:
        able = [t for t in self.tried.values() if t.complete and getattr(t.candidate, "view", "") == view]
        able = [t for t in able if t.candidate.family == "graph-free"]
        return max(able, key=lambda t: (round(t.accuracy, 6), -t.likelihood), default=None)

    @staticmethod
    def _place(candidate: Candidate) -> tuple[str, View]:
        inner = candidate
        while not hasattr(inner, "view"):
            inner = inner.base if hasattr(inner, "base") else inner.members[0]  # type: ignore[attr-defined]
        view: View = "both" if getattr(inner, "view", "meaning") == "both" else "meaning"
        return min(candidate.graphs), view
