"""From predictions to figures with their uncertainty."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from graphtune.compare.method import Method
from graphtune.compare.result import GraphGain, Homophily, Row
from graphtune.compare.scores import Facts, Scores
from graphtune.metric import (
    Interval,
    TwoLevel,
    calibration_score,
    holm,
    macro_f1_score,
    mean_score,
    paired_permutation,
)

BASELINE = "baseline"
WITH, WITHOUT = "graphtune", "graphtune-no-graph"

BySeed = Mapping[int, Scores]


@dataclass(frozen=True, eq=False)
class Judge:
    """The rows that judge, and how intervals are drawn."""

    truth: Int64[np.ndarray, " B"]
    classes: int
    draws: TwoLevel = field(default_factory=TwoLevel)

    def right(self, scores: Scores) -> Float64[np.ndarray, " B"]:
        """Return 1 for each row that was predicted right."""
        return (scores.predicted == self.truth).astype(np.float64)

    def row(self, method: Method, labels: int | None, by_seed: BySeed, note: str) -> Row:
        """Return the figures of one method with one label count."""
        bare = Row(method.name, method.family, method.said, labels, len(by_seed), note=note)
        if not by_seed:
            return bare
        every, count = list(by_seed.values()), len(self.truth)
        facts = [scores.facts for scores in every]
        timed = [one for one in facts if one.alone] or facts
        notes = dict.fromkeys([note, *(one.note for one in facts)])
        confidence = [scores.confidence.astype(np.float64) for scores in every]
        calibration = [
            calibration_score(self.right(scores) == 1, sure)
            for scores, sure in zip(every, confidence, strict=True)
        ]
        f1 = [macro_f1_score(self.truth, scores.predicted, self.classes) for scores in every]
        return replace(
            bare,
            accuracy=self.draws.interval([mean_score(self.right(scores)) for scores in every], count),
            macro_f1=self.draws.interval(f1, count),
            # What is always sure, such as a support vector machine, has no probabilities.
            ece=self.draws.interval(calibration, count)
            if any((sure < 1).any() for sure in confidence)
            else None,
            train_seconds=median(one.train_seconds for one in timed),
            peak_bytes=max(one.peak_bytes for one in facts),
            learned=_middle(facts, "learned"),
            parameters=_middle(facts, "parameters"),
            size_bytes=_middle(facts, "size_bytes"),
            latency_ms=_known_middle(timed, "latency_ms"),
            best_epochs=_known_middle(facts, "best_epochs"),
            best_seconds=_known_middle(timed, "best_seconds"),
            chosen=tuple(one.chosen for one in facts),
            versions=facts[0].versions,
            note="; ".join(filter(None, notes)),
        )

    def difference(self, one: BySeed, other: BySeed) -> tuple[Interval, float]:
        """Return by how many points ``one`` leads, paired over rows and seeds, and the p-value of no lead."""
        seeds = sorted(one.keys() & other.keys())
        first = np.stack([self.right(one[seed]) for seed in seeds])
        second = np.stack([self.right(other[seed]) for seed in seeds])
        gaps = [mean_score(100 * row) for row in first - second]
        p_value = paired_permutation(first.mean(axis=0), second.mean(axis=0))
        return self.draws.interval(gaps, len(self.truth)), p_value

    def compared(self, rows: Sequence[Row], scores: Mapping[str, BySeed]) -> tuple[tuple[Row, ...], str]:
        """Hold the rows of one label count against the best baseline; return them, and its name.

        Without a baseline nothing is held against anything, and the name is empty. Methods that share no seed
        with it have no difference. Those that were not run with every seed are neither the best nor on the
        front: what they were spared may have been the hardest.
        """
        run = [row for row in rows if row.accuracy is not None]
        ranked = complete(run)
        front = _front(ranked)
        rows = [replace(row, on_front=row.method in front) for row in rows]
        able = [row for row in ranked if row.family == BASELINE]
        if not able:
            return tuple(rows), ""
        best = max(able, key=lambda row: row.share).method
        others = [
            row.method
            for row in run
            if row.method != best and scores[row.method].keys() & scores[best].keys()
        ]
        found = {name: self.difference(scores[name], scores[best]) for name in others}
        adjusted = holm(np.array([found[name][1] for name in others], dtype=np.float64))
        values = dict(zip(others, adjusted, strict=True))
        told = [
            replace(row, difference=found[row.method][0], p_value=float(values[row.method]))
            if row.method in found
            else row
            for row in rows
        ]
        return tuple(told), best

    def gain(self, labels: int | None, scores: Mapping[str, BySeed]) -> GraphGain | None:
        """Return what graphs add to a whole fit, where both were run."""
        ours, free = scores.get(WITH, {}), scores.get(WITHOUT, {})
        if not ours.keys() & free.keys():
            return None
        points, _ = self.difference(ours, free)
        seeds = sorted(ours.keys() & free.keys())
        means = [float(np.mean([self.right(one[seed]).mean() for seed in seeds])) for one in (ours, free)]
        return GraphGain(labels, points, *means)


def complete(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that as many seeds were run for as for any."""
    most = max((row.seeds for row in rows), default=0)
    return [row for row in rows if row.seeds == most]


def homophily(labels: int | None, every: Sequence[Scores]) -> list[Homophily]:
    """Return what is known of the graphs: the means over the trainings that read them."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for scores in every:
        for graph in scores.facts.graphs:
            found.setdefault(graph["name"], []).append(graph)
    return [
        Homophily(labels, name, graphs[0]["edges"], _mean(graphs, "homophily"), _mean(graphs, "expected"))
        for name, graphs in found.items()
    ]


def _mean(graphs: Sequence[Mapping[str, Any]], name: str) -> float | None:
    known = [graph[name] for graph in graphs if graph[name] is not None]
    return float(np.mean(known)) if known else None


def _middle(facts: Sequence[Facts], name: str) -> int:
    return int(median(getattr(one, name) for one in facts))


def _known_middle(facts: Sequence[Facts], name: str) -> float | None:
    known = [value for one in facts if (value := getattr(one, name)) is not None]
    return float(median(known)) if known else None


def _front(rows: Sequence[Row]) -> set[str]:
    """Return the methods that none beats in accuracy without taking longer, and none in time at no loss."""
    best, front = -1.0, set[str]()
    for row in sorted(rows, key=lambda row: (row.train_seconds or 0.0, -row.share)):
        if row.share > best:
            best = row.share
            front.add(row.method)
    return front
