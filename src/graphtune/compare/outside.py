"""Somebody else's program, run on the same rows: a folder in, a folder out."""

import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from jaxtyping import Float32

from graphtune.compare import launch
from graphtune.compare.conditions import Cell, Conditions
from graphtune.compare.draw import drawn, hidden, judging
from graphtune.compare.families import Offer
from graphtune.compare.method import Outside
from graphtune.compare.scores import Facts, Scores
from graphtune.encoder import Transformer, from_name
from graphtune.errors import PlanError
from graphtune.plan import Plan
from graphtune.progress import shown
from graphtune.run.ready import Clock, Ready
from graphtune.select import Propagated
from graphtune.table import Table

# What sets the number of threads in libraries that count the cores themselves.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
_ROUNDING = 1e-2  # by which a row of probabilities may miss 1
_CJK = range(0x4E00, 0xA000)


def run(cell: Cell, conditions: Conditions, *, alone: bool) -> Scores:
    """Write the task, run the program, read its predictions.

    Raises:
        PlanError: the program failed, or wrote no predictions of this task.
    """
    how, start = cell.method.how, time.monotonic()
    assert isinstance(how, Outside)
    table = hidden(drawn(conditions.table, cell.labels, cell.seed))
    with tempfile.TemporaryDirectory() as name:
        task, out = Path(name) / "task", Path(name) / "out"
        task.mkdir()
        out.mkdir()
        with shown(False):
            write_task(task, table, cell, conditions)
        peak = _call(cell.method.name, how, (task, out), conditions.threads)
        probabilities, facts = _read(cell.method.name, out, table)
    judged = np.isin(np.flatnonzero(np.array(table.split) == "test"), judging(conditions.table))
    found = probabilities[judged]
    return Scores(
        found.argmax(axis=1).astype(np.int64),
        found.max(axis=1).astype(np.float32),
        Facts(
            **facts,
            wall_seconds=time.monotonic() - start,
            peak_bytes=peak,
            alone=alone,
        ),
    )


def write_task(place: Path, table: Table, cell: Cell, conditions: Conditions) -> None:
    """Write what the program may see: rows, frozen features, and our graph over them."""
    order = np.argsort([("train", "val", "test").index(part) for part in table.split], kind="stable")
    rows = pa.table(
        {
            "id": [table.ids[row] for row in order],
            "text": [table.texts[row] for row in order],
            "label": [None if table.labels[row] < 0 else table.classes[table.labels[row]] for row in order],
            "split": [table.split[row] for row in order],
        },
        schema=pa.schema([(name, pa.string()) for name in ("id", "text", "label", "split")]),
    )
    pq.write_table(rows, place / "rows.parquet")
    encoder = from_name(conditions.encoder)
    graph, view = Offer(conditions.encoder, conditions.links is not None, len(table)).graph
    # The plan is only a way to have one graph built, and rows attached to it.
    plan = Plan(
        encoder=conditions.encoder,
        candidates=(Propagated(view, graph),),
        exactly=True,
        transductive=conditions.transductive,
        keep_rare=True,
    )
    clock = Clock()
    ready = Ready.of(table, plan, conditions.links, clock)
    new = ready.new(order[len(ready.nodes) :])
    built, features = ready.data.graphs[graph], ready.data.features.meaning
    whole = new.attachment(graph, built).extend(built.graph) if len(new.features) else built.graph
    np.save(place / "features.npy", torch.cat([features, new.features.meaning]).numpy())
    np.savez(place / "graph.npz", crow=whole.crow.numpy(), col=whole.col.numpy(), weight=whole.weight.numpy())
    chinese = sum(ord(letter) in _CJK for text in table.texts[:200] for letter in text)
    facts = {
        "classes": table.classes,
        "seed": cell.seed,
        "budget_seconds": conditions.limit_seconds,
        "threads": conditions.threads,
        "transductive": conditions.transductive,
        "graph_seconds": clock.seconds["graphs"],
        "encoder_parameters": ready.maker.encoder.parameters,
        "encoder_directory": str(encoder.directory) if isinstance(encoder, Transformer) else None,
        "chinese": chinese > sum(map(len, table.texts[:200])) / 4,
    }
    (place / "task.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")


def _call(name: str, how: Outside, folders: tuple[Path, Path], threads: int) -> int:
    """Run the program to its end; return the peak of its memory in bytes."""
    told = folders[1].parent / "peak"
    launched = [sys.executable, "-I", "-S", launch.__file__, str(told), *how.command, *map(str, folders)]
    ended = subprocess.run(
        launched,
        cwd=how.folder,
        env=os.environ | dict.fromkeys(_THREADS, str(threads)),
        capture_output=True,
        check=False,
        text=True,
        errors="replace",
    )
    if ended.returncode:
        said = (ended.stderr.strip() or ended.stdout.strip() or "it said nothing").splitlines()[-1]
        raise PlanError(f"{name} ended with status {ended.returncode}: {said}", fix="run it by itself.")
    return int(told.read_text(encoding="ascii"))


def _read(name: str, out: Path, table: Table) -> tuple[Float32[np.ndarray, "B C"], dict[str, Any]]:
    try:
        told = json.loads((out / "facts.json").read_text(encoding="utf-8"))
        with np.load(out / "predictions.npz", allow_pickle=False) as stored:
            probabilities = np.asarray(stored["probabilities"], dtype=np.float32)
        facts = _facts(told)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise PlanError(
            f"{name} left no predictions: {type(error).__name__}: {error}.",
            fix="see the form they must have.",
        ) from error
    shape = (table.split.count("test"), len(table.classes))
    if probabilities.shape != shape:
        raise PlanError(
            f"{name} left predictions of shape {probabilities.shape}, not {shape}.",
            fix="see the form they must have.",
        )
    # Not-a-number is not near 1 either.
    if (probabilities < 0).any() or not (np.abs(probabilities.sum(axis=1) - 1) < _ROUNDING).all():
        raise PlanError(
            f"{name} left rows that are no probabilities: they are below 0, or do not sum to 1.",
            fix="see the form they must have.",
        )
    return probabilities, facts


def _facts(told: dict[str, Any]) -> dict[str, Any]:
    """Return what a program tells of itself, by our names."""
    latency = told.get("latency_ms")
    return {
        "train_seconds": float(told["train_seconds"]),
        "learned": int(told["learned_parameters"]),
        "parameters": int(told["total_parameters"]),
        "size_bytes": int(told["size_bytes"]),
        "latency_ms": None if latency is None else float(latency),
        "chosen": ", ".join(f"{name} {value}" for name, value in dict(told.get("settings") or {}).items()),
        "note": str(told.get("note") or ""),
        "versions": tuple((str(a), str(b)) for a, b in dict(told.get("versions") or {}).items()),
    }
