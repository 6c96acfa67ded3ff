"""What the outcomes of several sets come to together: means over tasks, and paired tests over tasks.

Source: Fisher, 1935, for the test (`graphtune.metric.paired_permutation`); Holm, 1979, for several at once.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from statistics import fmean
from typing import Any

import numpy as np
from levels import FREE, REFERENCES, WHOLE

from graphtune.metric import holm, paired_permutation
from graphtune.structure.purpose import Purpose

TASKS, SEEDS = 5, 3  # fewest that a bar is met on
BELOW_FULL, ABOVE_LORA, OF_TIME = 0.2, 0.3, 0.4  # points, points, share of full tuning's seconds

Result = Mapping[str, Any]
Cell = Mapping[str, Any]
BySeed = dict[str, dict[int, Cell]]  # of each selector


@dataclass(frozen=True)
class Mean:
    """One selector at one level, over the tasks and seeds that all of them were run on."""

    selector: str
    accuracy: float  # %, on test rows
    val_accuracy: float  # %, on the rows that decided
    spent: float  # share that learns or is left, as counted
    usual: float  # accuracy by the usual step sizes, of the same trainings; NaN where one was not tried by it
    ends: float  # share of the trainings whose val rows chose the least or the largest step size of several
    gains: Mapping[str, tuple[float, float]]  # by what it is held against: points, and the adjusted p-value


@dataclass(frozen=True)
class LeftOut:
    """What is there and counts nowhere."""

    tasks: tuple[str, ...]  # they lack a selector that is shown, or have it on other seeds alone
    selectors: tuple[str, ...]  # too few tasks have them
    failed: Mapping[str, int]  # runs, by selector
    apart: int  # outcomes of networks that learned from something else than those that are shown
    elsewhere: int  # outcomes of a task by other versions or hardware than most of it


@dataclass(frozen=True)
class Summary:
    """All selectors at one level."""

    purpose: Purpose
    tasks: tuple[str, ...]
    seeds: int  # that all selectors share on a task; the fewest
    means: tuple[Mean, ...]  # in the order of the results
    factors: Mapping[str, tuple[float, ...]]  # of step sizes, by selector, where val rows chose of several
    left_out: LeftOut

    @property
    def best(self) -> str | None:
        """What is right most often on the rows that decide, of what spends the budget; no test row is asked.

        ``lora-uniform``, which the choice is held against, is not chosen.
        """
        able = [one for one in self.means if one.selector not in (*FREE[self.purpose], "lora-uniform")]
        return max(able, key=lambda one: one.val_accuracy).selector if able else None


def summary(
    results: Sequence[Result], purpose: Purpose, level: str, *, several: bool = False
) -> Summary | None:
    """Return what there is at one level; None where nothing is.

    Shown are the selectors that most tasks have, on the tasks that have all of these and there by the seeds
    that these share. Of a task only outcomes of the same versions and hardware count, and of networks only
    those that could learn from the same sensitivities. Step sizes are as they are without asking; with
    ``several``, of those that were tried with more than one, each training has the one that its val rows
    prefer.
    """
    every = {one["dataset"]: _of_level(one, purpose, level) for one in results}
    if several:
        every = {name: _of_several(cells) for name, cells in every.items()}
    else:
        every = {name: [one for one in cells if one["factor"] == 1.0] for name, cells in every.items()}
    learned_from = _learned_from(every)
    same = {name: [one for one in cells if _same(one, learned_from)] for name, cells in every.items()}
    asked = {name: _of_one_place(cells) for name, cells in same.items()}
    factors = _factors([*asked.values()]) if several else {}
    able = {name: _by_seed(_complete(cells, factors)) for name, cells in asked.items()}
    able = {name: found for name, found in able.items() if set(found) - {*FREE[purpose]}}
    shown = _shown(able, FREE[purpose])
    tasks = {name: paired for name, found in able.items() if (paired := _paired(found, shown))}
    if not tasks:
        return None
    means = [_mean(name, tasks, asked, factors.get(name, ())) for name in shown]
    names = {name: {one["selector"] for one in cells} - {*FREE[purpose]} for name, cells in asked.items()}
    left_out = LeftOut(
        tuple(name for name, own in names.items() if own and name not in tasks),
        tuple(dict.fromkeys(name for found in able.values() for name in found if name not in shown)),
        Counter(one["selector"] for cells in asked.values() for one in cells if "failed" in one),
        sum(len(every[name]) - len(same[name]) for name in every),
        sum(len(same[name]) - len(asked[name]) for name in every),
    )
    return Summary(
        purpose,
        tuple(tasks),
        min(len(found[shown[0]]) for found in tasks.values()),
        tuple(_held_against(means, [*tasks.values()], REFERENCES[purpose])),
        {name: factors[name] for name in shown if name in factors},
        left_out,
    )


def bar(found: Summary | None, seconds: Mapping[str, float]) -> dict[str, Any] | None:
    """Return whether the selector that val rows prefer meets the bar of tuning.

    ``seconds``: shares of full tuning's, by selector; it does not meet the bar without. None where there is
    nothing to hold it against.
    """
    if found is None or found.best is None:
        return None
    by_name = {one.selector: one for one in found.means}
    one = by_name[found.best]
    if not {"full", "lora-uniform"} <= by_name.keys():
        return None
    full, lora = (one.accuracy - by_name[name].accuracy for name in ("full", "lora-uniform"))
    took = seconds.get(one.selector)
    enough = len(found.tasks) >= TASKS and found.seeds >= SEEDS and took is not None and took <= OF_TIME
    met = enough and full >= -BELOW_FULL and lora >= ABOVE_LORA
    return {"selector": one.selector, "full": full, "lora": lora, "seconds": took, "met": met}


def _of_several(cells: Sequence[Cell]) -> list[Cell]:
    """Return those of trainings that were tried with more than one step size on the same hardware."""
    tried = _tried(cells)
    return [one for one in cells if len(tried[_training(one)]) > 1]


def _of_one_place(cells: Sequence[Cell]) -> list[Cell]:
    """Return those of the versions and hardware that most of them are of."""
    places = Counter(one["circumstances"] for one in cells)
    most = max(sorted(places), key=lambda place: places[place], default=None)
    return [one for one in cells if one["circumstances"] == most]


def _factors(tasks: Sequence[Sequence[Cell]]) -> dict[str, tuple[float, ...]]:
    """Return the factors of step sizes that most trainings of a selector were tried with."""
    found: dict[str, Counter[tuple[float, ...]]] = {}
    for cells in tasks:
        for (selector, *_), own in _tried(cells).items():
            found.setdefault(selector, Counter())[tuple(sorted(own))] += 1
    return {selector: counts.most_common(1)[0][0] for selector, counts in found.items()}


def _complete(cells: Sequence[Cell], factors: Mapping[str, Sequence[float]]) -> list[Cell]:
    """Return those of trainings that were tried with all the factors of their selector, by these."""
    if not factors:
        return [*cells]
    tried = _tried(cells)
    return [
        one
        for one in cells
        if one["factor"] in (own := factors[one["selector"]]) and tried[_training(one)] >= {*own}
    ]


def _tried(cells: Sequence[Cell]) -> dict[tuple[str, ...], set[float]]:
    """Return the factors of step sizes that each training ended with."""
    found: dict[tuple[str, ...], set[float]] = {_training(one): set() for one in cells}
    for one in cells:
        if "failed" not in one:
            found[_training(one)].add(one["factor"])
    return found


def _training(cell: Cell) -> tuple[str, ...]:
    return cell["selector"], str(cell["seed"]), cell["circumstances"], cell.get("learned_from", "")


def _of_level(result: Result, purpose: str, level: str) -> list[Cell]:
    return [one for one in result["outcomes"] if one["purpose"] == purpose and one["level"] in (level, WHOLE)]


def _learned_from(every: Mapping[str, Sequence[Cell]]) -> str | None:
    """Return what the networks of most tasks could learn from; of those alike, what has most outcomes."""
    found = {
        task: [one["learned_from"] for one in cells if "learned_from" in one] for task, cells in every.items()
    }
    tasks = Counter(one for own in found.values() for one in set(own))
    outcomes = Counter(one for own in found.values() for one in own)
    return max(sorted(tasks), key=lambda one: (tasks[one], outcomes[one]), default=None)


def _same(cell: Cell, learned_from: str | None) -> bool:
    return cell.get("learned_from", learned_from) == learned_from


def _by_seed(cells: Sequence[Cell]) -> BySeed:
    """Return an outcome a seed for every selector: of several step sizes, the one that val rows prefer."""
    found: BySeed = {}
    for cell in cells:
        if "failed" in cell:
            continue
        seeds = found.setdefault(cell["selector"], {})
        before = seeds.get(cell["seed"])
        if before is None or cell["val_loss"] < before["val_loss"]:
            seeds[cell["seed"]] = cell
    return found


def _shown(able: Mapping[str, BySeed], free: Sequence[str]) -> list[str]:
    """Return the selectors of most tasks; where no task has them all on one seed, without the rarest."""
    tasks = Counter(name for found in able.values() for name in found)
    shown = [name for name in tasks if 2 * tasks[name] > len(able)]
    if not set(shown) - {*free}:
        shown = [*tasks]
    while shown and not any(_paired(found, shown) for found in able.values()):
        shown.remove(min(reversed(shown), key=lambda name: tasks[name]))
    return shown


def _paired(found: BySeed, shown: Sequence[str]) -> dict[str, list[Cell]]:
    """Return the outcomes of the seeds that all selectors have; nothing where there is none."""
    if not shown or not found.keys() >= {*shown}:
        return {}
    seeds = sorted(set.intersection(*(set(found[name]) for name in shown)))
    return {name: [found[name][seed] for seed in seeds] for name in shown} if seeds else {}


def _mean(
    name: str,
    tasks: Mapping[str, Mapping[str, list[Cell]]],
    every: Mapping[str, Sequence[Cell]],
    factors: Sequence[float],
) -> Mean:
    own = {task: found[name] for task, found in tasks.items()}
    usual = {
        task: {one["seed"]: one["accuracy"] for one in every[task] if _usual(one, name)} for task in tasks
    }
    ends = [
        cell["factor"] in (factors[0], factors[-1]) for cells in own.values() for cell in cells if factors
    ]
    return Mean(
        name,
        fmean(_accuracy(cells) for cells in own.values()),
        fmean(fmean(cell["val_accuracy"] for cell in cells) for cells in own.values()),
        fmean(cell["spent"] for cells in own.values() for cell in cells),
        fmean(fmean(usual[task].get(cell["seed"], nan) for cell in cells) for task, cells in own.items()),
        fmean(ends) if ends else 0.0,
        {},
    )


def _usual(cell: Cell, name: str) -> bool:
    return cell["selector"] == name and cell["factor"] == 1.0 and "failed" not in cell


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
    return [replace(one, gains=gains[one.selector]) for one in means]


def _accuracy(cells: Sequence[Cell]) -> float:
    return fmean(cell["accuracy"] for cell in cells)
