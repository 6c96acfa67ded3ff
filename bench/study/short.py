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
    wins = _wins(results, words)
    costs = _costs(results, words)
    return "\n".join(f"- {line}" for line in (*lines, wins, costs) if line)


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


def _wins(results: Sequence[Result], words: Words) -> str:
    found = [ranks(results, count) for count in LABELS]
    able = [one for one in found if one is not None and all(name in one.mean for name in OURS)]
    if len(able) < len(LABELS):
        return ""
    places = {name: " / ".join(str(list(one.mean).index(name) + 1) for one in able) for name in OURS}
    return words.wins.format(methods=min(len(one.mean) for one in able), **_by_kind(places))


def _costs(results: Sequence[Result], words: Words) -> str:
    told = []
    for name in COSTS:
        rows = [row for one in results for row in one["table"] if row["method"] == name and row["accuracy"]]
        if rows:
            told.append(f"{name} {median(row['train_seconds'] for row in rows):.1f} s")
    return words.takes.format(told=", ".join(told)) if told else ""


def _by_kind(places: Mapping[str, str]) -> dict[str, str]:
    tuned, frozen = OURS
    return {"tuned": places[tuned], "frozen": places[frozen]}


def _named(names: Sequence[str], words: Words) -> str:
    return f"{len(names)} ({', '.join(names)})" if names else words.none
