"""What the outcomes of several sets come to together: means over tasks, and paired tests over tasks.

Source: Fisher, 1935, for the test (`graphtune.metric.paired_permutation`); Holm, 1979, for several at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

import numpy as np
from levels import FREE, REFERENCES, WHOLE

from graphtune.metric import holm, paired_permutation
from graphtune.structure.purpose import Purpose

TASKS, SEEDS = 5, 3  # fewest that a bar is met on
BELOW_FULL, ABOVE_LORA, OF_TIME = 0.2, 0.3, 0.4  # points, points, share of full tuning's seconds

Result = Mapping[str, Any]
Cell = Mapping[str, Any]


@dataclass(frozen=True)
class Mean:
    """One selector at one level, over the tasks that all of them were run on."""

    selector: str
    accuracy: float  # %, on test rows
    val_accuracy: float  # %, on the rows that decided
    spent: float  # share that learns or is left, as counted
    seconds: float | None  # share of full tuning's, choosing included; the median of the tasks
    gains: Mapping[str, tuple[float, float]]  # by what it is held against: points, and the adjusted p-value


@dataclass(frozen=True)
class Summary:
    """All selectors at one level."""

    purpose: Purpose
    tasks: tuple[str, ...]
    seeds: int  # that every selector has on every task
    means: tuple[Mean, ...]  # in the order of the results

    @property
    def best(self) -> str | None:
        """What is right most often on the rows that decide, but for the rivals; test rows are not asked."""
        able = [one for one in self.means if one.selector not in (*FREE[self.purpose], "lora-uniform")]
        return max(able, key=lambda one: one.val_accuracy).selector if able else None


def summary(results: Sequence[Result], purpose: Purpose, level: str) -> Summary | None:
    """Return what there is at one level; None where nothing is.

    A selector that lacks a task which most others have is left out, as are tasks without any outcome.
    """
    by_task = {one["dataset"]: _by_selector(one, purpose, level) for one in results}
    by_task = {name: found for name, found in by_task.items() if set(found) - {*FREE[purpose]}}
    if not by_task:
        return None
    names = list(dict.fromkeys(name for found in by_task.values() for name in found))
    shared = [name for name in names if all(found.get(name) for found in by_task.values())]
    if not shared:
        return None
    tasks = [{name: found[name] for name in shared} for found in by_task.values()]
    seeds = min(len(cells) for found in tasks for cells in found.values())
    means = _held_against([_mean(name, tasks) for name in shared], tasks, REFERENCES[purpose])
    return Summary(purpose, tuple(by_task), seeds, tuple(means))


def bar(found: Summary | None) -> dict[str, Any] | None:
    """Return whether the selector that val rows prefer meets the bar of tuning.

    None where that cannot be told.
    """
    if found is None or found.best is None:
        return None
    by_name = {one.selector: one for one in found.means}
    one = by_name[found.best]
    if not {"full", "lora-uniform"} <= by_name.keys() or one.seconds is None:
        return None
    below = by_name["full"].accuracy - one.accuracy
    above = one.accuracy - by_name["lora-uniform"].accuracy
    enough = len(found.tasks) >= TASKS and found.seeds >= SEEDS
    met = enough and below <= BELOW_FULL and above >= ABOVE_LORA and one.seconds <= OF_TIME
    return {"selector": one.selector, "below": below, "above": above, "seconds": one.seconds, "met": met}


def _by_selector(result: Result, purpose: str, level: str) -> dict[str, list[Cell]]:
    """Return an outcome a seed for every selector: of several step sizes, the one that val rows prefer."""
    found: dict[str, dict[int, Cell]] = {}
    for cell in result["outcomes"]:
        if cell["purpose"] != purpose or cell["level"] not in (level, WHOLE) or "failed" in cell:
            continue
        seeds = found.setdefault(cell["selector"], {})
        before = seeds.get(cell["seed"])
        if before is None or cell["val_loss"] < before["val_loss"]:
            seeds[cell["seed"]] = cell
    return {name: [seeds[seed] for seed in sorted(seeds)] for name, seeds in found.items()}


def _mean(name: str, tasks: Sequence[Mapping[str, list[Cell]]]) -> Mean:
    own = [found[name] for found in tasks]
    seconds = None
    if all("full" in found for found in tasks):
        seconds = median(_seconds(found[name]) / _seconds(found["full"]) for found in tasks)
    return Mean(
        name,
        fmean(_accuracy(cells) for cells in own),
        fmean(fmean(cell["val_accuracy"] for cell in cells) for cells in own),
        fmean(cell["spent"] for cells in own for cell in cells),
        seconds,
        {},
    )


def _held_against(
    means: Sequence[Mean], tasks: Sequence[Mapping[str, list[Cell]]], references: Sequence[str]
) -> list[Mean]:
    gains: dict[str, dict[str, tuple[float, float]]] = {one.selector: {} for one in means}
    for reference in references:
        if reference not in gains:
            continue
        other = np.array([_accuracy(found[reference]) for found in tasks])
        rest = [name for name in gains if name != reference]
        own = [np.array([_accuracy(found[name]) for found in tasks]) for name in rest]
        adjusted = holm(np.array([paired_permutation(one, other) for one in own], dtype=np.float64))
        for name, values, p_value in zip(rest, own, adjusted, strict=True):
            gains[name][reference] = float((values - other).mean()), float(p_value)
    return [
        Mean(one.selector, one.accuracy, one.val_accuracy, one.spent, one.seconds, gains[one.selector])
        for one in means
    ]


def _accuracy(cells: Sequence[Cell]) -> float:
    return fmean(cell["accuracy"] for cell in cells)


def _seconds(cells: Sequence[Cell]) -> float:
    return max(1e-9, fmean(cell["seconds"] + cell["choosing_seconds"] for cell in cells))
