"""Which method is better over many sets.

Source: Demšar, Journal of Machine Learning Research 7, 2006, sections 3.2.2 and 3.2.4: mean ranks, the
Friedman test, and the critical difference of Nemenyi.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

LEVEL = 0.05


@dataclass(frozen=True)
class Ranks:
    """Of the methods that were run on every set."""

    sets: tuple[str, ...]
    mean: Mapping[str, float]  # by method, best first; 1 = the most accurate on every set
    critical: float  # mean ranks nearer than this may be alike
    p_value: float  # Friedman: that all methods are alike

    @property
    def alike(self) -> list[tuple[str, ...]]:
        """Return the longest runs of methods that are not told apart: all, if Friedman's test does not."""
        if self.p_value > LEVEL:
            return [tuple(self.mean)]
        names, values = list(self.mean), list(self.mean.values())
        runs: list[tuple[str, ...]] = []
        end_before = 0
        for start in range(len(names)):
            end = max(at for at, value in enumerate(values) if value - values[start] <= self.critical) + 1
            if end > end_before and end - start > 1:
                runs.append(tuple(names[start:end]))
            end_before = max(end_before, end)
        return runs


def ranks(results: Sequence[Mapping[str, Any]], labels: int | None) -> Ranks | None:
    """Return the mean ranks with one label count; None where fewer than two sets or methods are complete.

    A set without a table of this count does not take part; a method takes part if every other set has it.
    """
    tables = {one["set"]: _accuracies(one, labels) for one in results}
    tables = {name: table for name, table in tables.items() if table}
    if len(tables) < 2:
        return None
    shared = [name for name in next(iter(tables.values())) if all(name in table for table in tables.values())]
    if len(shared) < 2:
        return None
    values = np.array([[table[name] for name in shared] for table in tables.values()])
    placed = np.apply_along_axis(stats.rankdata, 1, -values)
    means = placed.mean(axis=0)
    count = len(shared)
    studentised = stats.studentized_range.ppf(1 - LEVEL, count, np.inf) / np.sqrt(2)
    critical = float(studentised * np.sqrt(count * (count + 1) / (6 * len(tables))))
    p_value = float(stats.friedmanchisquare(*values.T).pvalue) if count > 2 else float("nan")
    order = sorted(range(count), key=lambda at: (means[at], shared[at]))
    return Ranks(tuple(tables), {shared[at]: round(float(means[at]), 4) for at in order}, critical, p_value)


def _accuracies(result: Mapping[str, Any], labels: int | None) -> dict[str, float]:
    return {
        row["method"]: row["accuracy"]["value"]
        for row in result["table"]
        if row["labels"] == labels and row["accuracy"] is not None
    }
