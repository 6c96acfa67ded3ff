"""What a hurried reader takes from the study: when the graph pays, what wins, and what it costs."""

from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

from ranks import ranks
from words import Words

LABELS = (5, 20, None)
OURS = ("graphtune-tuned", "graphtune")  # fit with --budget, and with --frozen
COSTS = (*OURS, "TF-IDF + linear SVC", "SetFit", "Trainer, full fine-tuning")

Result = Mapping[str, Any]


def summary(results: Sequence[Result], words: Words) -> str:
    """Return the summary as a list; empty where there are no results."""
    lines = [line for count in LABELS if (line := _pays(results, count, words))]
    wins = [_wins(results, count, words) for count in LABELS]
    return "\n".join(f"- {line}" for line in (*lines, *wins, _costs(results, words)) if line)


def _pays(results: Sequence[Result], count: int | None, words: Words) -> str:
    gains = {
        one["set"]: gain["points"] for one in results for gain in one["gains"] if gain["labels"] == count
    }
    if not gains:
        return ""
    up = [name for name, points in gains.items() if points["low"] > 0]
    down = [name for name, points in gains.items() if points["high"] < 0]
    return words.pays.format(
        count=words.count(count),
        mean=fmean(points["value"] for points in gains.values()),
        sets=len(gains),
        up=_named(up, words),
        down=_named(down, words),
    )


def _wins(results: Sequence[Result], count: int | None, words: Words) -> str:
    found = ranks(results, count)
    if found is None or not all(name in found.mean for name in OURS):
        return ""
    order = list(found.mean)
    places = [order.index(name) + 1 for name in OURS]
    first = found.mean[order[0]]
    alike = [name for name in order[1:] if found.mean[name] - first <= found.critical]
    known = {row["method"] for one in results for row in one["table"] if row["labels"] == count}
    return words.wins.format(
        count=words.count(count),
        methods=len(order),
        tuned=places[0],
        frozen=places[1],
        first=order[0],
        alike=len(alike),
        left=", ".join(sorted(known - found.mean.keys())) or words.none,
    )


def _costs(results: Sequence[Result], words: Words) -> str:
    """Return the medians over those trainings that all named methods have."""
    seconds: dict[str, dict[tuple[str, int | None], float]] = {name: {} for name in COSTS}
    for one in results:
        for row in one["table"]:
            if row["method"] in seconds and row["accuracy"]:
                seconds[row["method"]][one["set"], row["labels"]] = row["train_seconds"]
    able = {name: found for name, found in seconds.items() if found}
    if not able:
        return ""
    shared = set.intersection(*(set(found) for found in able.values()))
    if not shared:
        return ""
    told = [f"{name} {median(found[cell] for cell in shared):.1f} s" for name, found in able.items()]
    limit = max(one["limit_seconds"] for one in results)
    return words.takes.format(told=", ".join(told), count=len(shared), limit=limit)


def _named(names: Sequence[str], words: Words) -> str:
    return f"{len(names)} ({', '.join(names)})" if names else words.none
