"""What a search leaves behind beside its study: the plan, every trial, and the figures."""

import csv
import json
import math
import platform
from pathlib import Path
from typing import Any

import torch

import graphtune
from graphtune.artefact import write_json, written
from graphtune.select.standing import Tried
from graphtune.sweep.result import Ended, Found

_COLUMNS = ("number", "state", "origin", "value", "accuracy", "likelihood", "parts", "seconds")


def write(found: Found, directory: Path) -> None:
    """Write ``plan.toml``, ``trials.csv`` and ``search.json``.

    Raises:
        OutputError: the directory cannot be written to, or the disk is full.
    """
    with written(directory / "plan.toml") as partial:
        partial.write_text(found.plan.to_text(), encoding="utf-8")
    with (
        written(directory / "trials.csv") as partial,
        partial.open("w", encoding="utf-8", newline="") as stream,
    ):
        rows = csv.writer(stream)
        rows.writerow([*_COLUMNS, "candidate", "why", "settings"])
        rows.writerows(_row(one) for one in found.trials)
    write_json(directory / "search.json", _facts(found))


def _row(one: Ended) -> list[Any]:
    figures = [one.value, one.accuracy, one.likelihood]
    told = ["" if math.isnan(figure) else f"{figure:.6g}" for figure in figures]
    settings = json.dumps(one.settings, ensure_ascii=False)
    origin = "fit" if one.given else "drawn"
    seconds = f"{one.seconds:.3f}"
    return [one.number, one.state, origin, *told, one.parts, seconds, one.candidate, one.why, settings]


def _facts(found: Found) -> dict[str, Any]:
    import optuna

    numbers = {one.candidate: one.number for one in found.trials if one.state == "complete"}
    states = ("complete", "given up", "failed")
    return {
        "best": _figures(found.best, numbers),
        "usual": _figures(found.usual, numbers),
        "lead_in_standard_errors": found.lead,
        "lead_is_clear": found.clear,
        "objective": "likelihood, nats, less is better" if found.few else "accuracy, more is better",
        "encoder": found.plan.encoder,
        "seed": found.plan.seed,
        "selection": found.said,
        "ended": found.ended,
        "counts": {
            origin: {state: found.count(state, given=given) for state in states}
            for origin, given in (("fit", True), ("drawn", False))
        },
        "seconds": found.seconds,
        "importance": found.told,
        "fingerprint": found.fingerprint,
        "versions": {
            "graphtune": graphtune.__version__,
            "optuna": optuna.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def _figures(tried: Tried, numbers: dict[str, int]) -> dict[str, Any]:
    name = str(tried.candidate)
    return {
        "candidate": name,
        "trial": numbers.get(name),  # none for a mean
        "accuracy": tried.accuracy,
        "likelihood": tried.likelihood,
        "seconds": tried.seconds,
    }
