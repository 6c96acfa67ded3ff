"""Steps within a budget, the best next one first."""

from collections.abc import Mapping
from dataclasses import dataclass

from graphtune.structure.plans.tuning_cost import TuningCost


@dataclass(frozen=True)
class Item:
    """A module that can be given one step after the other."""

    score: float
    step: float  # cost of each
    block: int
    most: int  # steps
    per_cost: bool  # the score counts for what a step costs


@dataclass(frozen=True)
class Ceiling:
    """What may be spent in another unit, beside the one that scores count for."""

    cost: TuningCost
    limit: float
    steps: Mapping[str, float]  # what each step of an item costs


def grown(
    items: Mapping[str, Item], cost: TuningCost, limit: float, ceiling: Ceiling | None = None
) -> dict[str, int]:
    """Return how many steps each item is given within ``limit``; those with none are left out.

    The next step goes to the item with the highest score, over the steps it will then have, and over what the
    step adds to the cost where that counts; at a tie to the one that stands last.
    """
    counts: dict[str, int] = {}
    able = {name: (place, item) for place, (name, item) in enumerate(items.items()) if item.score > 0}
    lowest, spent, beside = cost.depth + 2, 0.0, 0.0
    while True:
        best: tuple[tuple[float, float, int], str, float] | None = None
        for name, (place, item) in able.items():
            reach = cost.reaching(min(lowest, item.block)) - cost.reaching(lowest)
            added, has = item.step + reach, counts.get(name, 0)
            if has >= item.most or spent + added > limit:
                continue
            if ceiling is not None and beside + _beside(ceiling, name, item, lowest) > ceiling.limit:
                continue
            worth = item.score / (has + 1)
            key = (worth / max(added, 1e-12) if item.per_cost else worth, item.score, place)
            if best is None or key > best[0]:
                best = key, name, added
        if best is None:
            return counts
        _, name, added = best
        counts[name] = counts.get(name, 0) + 1
        if ceiling is not None:
            beside += _beside(ceiling, name, items[name], lowest)
        lowest, spent = min(lowest, items[name].block), spent + added


def _beside(ceiling: Ceiling, name: str, item: Item, lowest: int) -> float:
    reaching = ceiling.cost.reaching
    return ceiling.steps[name] + reaching(min(lowest, item.block)) - reaching(lowest)
