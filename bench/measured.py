"""One row of the bars as a result: what was fitted, what came of it, and whether the bar is met."""

import json
import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

import baselines
import protocols
import surroundings
import timed
from graphtune.plan import Plan
from graphtune.run import fit_table
from graphtune.select import Outcome
from graphtune.select.outcome import GIVEN_UP, LEFT_OUT, NOT_FINAL, TOO_LARGE

if TYPE_CHECKING:
    from bars import Row

NEVER_WORSE = 0.3  # points below the better baseline that are allowed
SECONDS, MEBIBYTES = 90.0, 2048.0  # of the whole command with an empty cache
CORES = 2
_DIGITS = 4


@dataclass(frozen=True)
class Smoke:
    """What a trial of the script itself replaces; nothing is replaced where all is None."""

    rows: int | None = None
    encoder: str | None = None
    budget: float | None = None  # seconds


def accuracy(row: "Row", smoke: Smoke) -> dict[str, Any]:
    """Fit a row once for each seed, and its baselines beside it.

    Raises:
        protocols.AbsentDataError: the data are not there.
    """
    runs = [_one(row, seed, smoke) for seed in row.seeds]
    names = runs[0]["baselines"]
    means = {
        name: round(fmean(run["baselines"][name]["accuracy"] for run in runs), _DIGITS) for name in names
    }
    reached = round(fmean(run["accuracy"] for run in runs), _DIGITS)
    least = row.least if row.least is not None else round(max(means.values()) - NEVER_WORSE, _DIGITS)
    gains = [run["test_gain"] for run in runs if run["test_gain"] is not None]
    return {
        **_opening(row, "never-worse" if row.least is None else "accuracy"),
        "encoder": smoke.encoder or row.encoder,
        "labels": row.protocol.said,
        "selection": runs[0]["selection"],
        "rows": runs[0]["rows"],
        "budget_seconds": _plan(row, 0, smoke).budget_seconds,
        "smoke": smoke.rows is not None,
        "bar": least,
        "accuracy": reached,
        "met": reached >= least,
        "deviation": round(stdev(run["accuracy"] for run in runs), _DIGITS) if len(runs) > 1 else None,
        "graph_free_accuracy": round(fmean(run["graph_free_accuracy"] for run in runs), _DIGITS),
        "test_gain": _gain(gains),
        "baselines": means,
        "seconds": round(fmean(run["seconds"]["total"] for run in runs), 2),
        "seeds": runs,
        **surroundings.facts(),
    }


def by_command(table: Path, *options: str) -> tuple[dict[str, float], dict[str, Any]]:
    """Run ``graphtune fit`` with an empty cache on two cores; return what it took, and its metrics.json.

    Raises:
        RuntimeError: it failed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "graphtune", "fit", str(table), *options]
        command += ["--into", str(folder / "model")]
        own = {**os.environ, "GRAPHTUNE_CACHE": str(folder / "cache")}
        facts = timed.in_own_process(command, cores=CORES, environment=own)
        return facts, json.loads((folder / "model/metrics.json").read_text(encoding="utf-8"))


def tried(notes: Iterable[str]) -> dict[str, int]:
    """Count candidates by their notes."""
    every = list(notes)
    ended = {
        "given_up": GIVEN_UP,
        "not_final": NOT_FINAL,
        "left_out": LEFT_OUT,
        "too_large": TOO_LARGE,
    }
    counts = {name: sum(note.startswith(begins) for note in every) for name, begins in ended.items()}
    return {"tried": every.count(""), **counts}


def resources(row: "Row") -> dict[str, Any]:
    """Time the whole command on the bundled table."""
    facts, saved = by_command(protocols.BUNDLED)
    return {
        **_opening(row, "resources"),
        "command": f"graphtune fit {protocols.BUNDLED.name} --into MODEL",
        "bar": {"seconds": SECONDS, "peak_mib": MEBIBYTES},
        "seconds": facts["seconds"],
        "peak_mib": facts["peak_mib"],
        "cores": facts["cores"],
        "met": facts["seconds"] <= SECONDS and facts["peak_mib"] <= MEBIBYTES,
        "accuracy": round(100 * saved["test"]["accuracy"], _DIGITS),
        "chosen": saved["chosen"],
        "stages": {stage: round(spent, 2) for stage, spent in saved["seconds"].items()},
        **surroundings.facts(),
    }


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    met = "met" if result["met"] else "NOT met"
    if result["kind"] == "resources":
        return f"{result['row']}: {result['seconds']} s, {result['peak_mib']} MiB: {met}"
    beside = ", ".join(f"{name} {value:.2f}" for name, value in result["baselines"].items())
    return f"{result['row']}: {result['accuracy']:.2f} % (bar {result['bar']:.2f}: {met}); {beside}"


def _one(row: "Row", seed: int, smoke: Smoke) -> dict[str, Any]:
    table, links = protocols.read(row.protocol, seed, smoke.rows)
    plan = _plan(row, seed, smoke)
    outcome = fit_table(table, plan=plan, into=None, links=links).outcome
    beside = {
        "tfidf": baselines.tfidf(table, characters=row.characters),
        "embeddings": baselines.embeddings(table, plan.encoder),
    }
    return {
        "seed": seed,
        **_told(outcome),
        "baselines": {name: _rounded(asdict(one)) for name, one in beside.items()},
    }


def _plan(row: "Row", seed: int, smoke: Smoke) -> Plan:
    usual = Plan(encoder=smoke.encoder or row.encoder, seed=seed, transductive=row.transductive)
    if smoke.budget is None:
        return usual
    return Plan(usual.encoder, seed=seed, transductive=row.transductive, budget_seconds=smoke.budget)


def _told(outcome: Outcome) -> dict[str, Any]:
    assert outcome.test is not None
    assert outcome.test_graph_free is not None
    family = next(one.family for one in outcome.candidates if one.name == outcome.chosen)
    held_out = next(one.accuracy for one in outcome.candidates if one.name == outcome.chosen)
    gain = outcome.test_gain
    return {
        "accuracy": round(100 * outcome.test.accuracy, _DIGITS),
        "interval": [
            round(100 * end, _DIGITS) for end in (outcome.test.accuracy_low, outcome.test.accuracy_high)
        ],
        "macro_f1": round(100 * outcome.test.macro_f1, _DIGITS),
        "calibration_error": round(100 * outcome.test.ece, _DIGITS),
        "graph_free_accuracy": round(100 * outcome.test_graph_free.accuracy, _DIGITS),
        "test_gain": None if gain is None else [round(points, _DIGITS) for points in gain],
        "held_out_accuracy": round(100 * held_out, _DIGITS),
        "chosen": outcome.chosen,
        "family": family,
        "graph_helps": outcome.verdict.graph_helps,
        "verdict": outcome.verdict.text,
        "selection": outcome.selection,
        "rows": outcome.rows,
        "candidates": tried(one.note for one in outcome.candidates),
        "seconds": {stage: round(spent, 2) for stage, spent in outcome.seconds.items()},
    }


def _gain(gains: list[list[float]]) -> list[float] | None:
    """Return the gain with its 95 % interval; of several seeds the mean, the smallest and the largest."""
    if len(gains) < 2:
        return gains[0] if gains else None
    values = [gain[0] for gain in gains]
    return [round(fmean(values), _DIGITS), min(values), max(values)]


def _opening(row: "Row", kind: str) -> dict[str, Any]:
    return {
        "row": row.name,
        "kind": kind,
        "dataset": row.protocol.dataset,
        "protocol": "transductive" if row.transductive else "inductive",
        "encoder": row.encoder,
    }


def _rounded(facts: dict[str, float]) -> dict[str, float]:
    return {name: round(value, _DIGITS) for name, value in facts.items()}
