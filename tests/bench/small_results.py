"""A small data set in the form of the benchmarks', and what is wrong with a result."""

import re
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

SUBJECTS = {
    "refund": ("money", "return", "paid", "receipt", "charge", "bill"),
    "delivery": ("parcel", "courier", "late", "address", "door", "box"),
    "login": ("password", "account", "locked", "email", "screen", "code"),
}
_PER_PART = {"train": 12, "val": 4, "test": 4}
_EVERY = {
    *("row", "kind", "dataset", "protocol", "encoder", "bar", "accuracy", "met", "seconds"),
    *("versions", "hardware", "date"),
}
_MEASURED = {
    *("labels", "selection", "rows", "budget_seconds", "smoke", "deviation", "graph_free_accuracy"),
    *("test_gain", "baselines", "seeds"),
}
_TIMED = {"command", "peak_mib", "cores", "chosen", "stages"}
_SEED = {
    *("seed", "accuracy", "interval", "macro_f1", "calibration_error", "graph_free_accuracy", "test_gain"),
    *("held_out_accuracy", "chosen", "family", "graph_helps", "verdict", "selection", "rows", "candidates"),
    *("seconds", "baselines"),
}


def write_data(folder: Path) -> None:
    """Write ``cr.parquet`` and, with links and a second split, ``cora/``: 60 rows of three classes."""
    rows = []
    for label, words in SUBJECTS.items():
        for part, count in _PER_PART.items():
            for at in range(count):
                text = f"{words[at % 6]} {words[(at * 5 + len(part)) % 6]} {words[(at + 2) % 6]} number {at}"
                rows.append({"id": len(rows), "text": text, "label": label, "split": part})
    for at, row in enumerate(rows):
        spared = row["split"] == "train" and at % 2 == 1
        row["split_planetoid"] = "rest" if spared else row["split"]
    pq.write_table(pa.Table.from_pylist(rows), folder / "cr.parquet")
    (folder / "cora").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), folder / "cora/nodes.parquet")
    edges = [{"source": at, "target": at + 1} for at in range(len(rows) - 1)]
    pq.write_table(pa.Table.from_pylist(edges), folder / "cora/edges.parquet")


def mistakes(result: dict[str, Any]) -> list[str]:
    """Return what is wrong with a result of the bars."""
    timed = result["kind"] == "resources"
    wrong = _keys(result, _EVERY | (_TIMED if timed else _MEASURED), "result")
    wrong += _keys(
        result["versions"],
        {"python", "graphtune", "torch", "numpy", "scikit-learn", "transformers"},
        "versions",
    )
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", result["date"]):
        wrong.append(f"date {result['date']}")
    if timed:
        within = [result[name] <= result["bar"][name] for name in ("seconds", "peak_mib")]
        return wrong if result["met"] == all(within) else [*wrong, "met"]
    return wrong + _measured(result)


def _measured(result: dict[str, Any]) -> list[str]:
    wrong = [name for run in result["seeds"] for name in _keys(run, _SEED, f"seed {run['seed']}")]
    for name in ("accuracy", "graph_free_accuracy"):
        if result[name] != pytest.approx(fmean(run[name] for run in result["seeds"]), abs=1e-3):
            wrong.append(f"{name} is not the mean over the seeds")
    for name, value in result["baselines"].items():
        if value != pytest.approx(fmean(r["baselines"][name]["accuracy"] for r in result["seeds"]), abs=1e-3):
            wrong.append(f"{name} is not the mean over the seeds")
    if result["kind"] == "never-worse" and result["bar"] != pytest.approx(
        max(result["baselines"].values()) - 0.3, abs=1e-3
    ):
        wrong.append("bar is not 0.3 below the better baseline")
    if result["met"] != (result["accuracy"] >= result["bar"]):
        wrong.append("met")
    return wrong


def _keys(facts: dict[str, Any], expected: set[str], where: str) -> list[str]:
    return [f"{where}: {name}" for name in sorted(facts.keys() ^ expected)]
