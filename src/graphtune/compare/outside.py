"""Somebody else's program, run on the same rows: a folder in, a folder out."""

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse

from graphtune.compare.draw import drawn, hidden, judging
from graphtune.compare.families import Offer
from graphtune.compare.memory import childrens_peak
from graphtune.compare.method import Outside
from graphtune.compare.scores import Facts, Scores
from graphtune.compare.setting import Cell, Setting
from graphtune.encoder import Tfidf, Transformer, from_name
from graphtune.errors import PlanError
from graphtune.graph import Attachment, BuiltGraph
from graphtune.plan import Plan
from graphtune.progress import shown
from graphtune.run.ready import Clock, Ready
from graphtune.select import Propagated
from graphtune.table import Table

_PATIENCE = 2.0  # times its time that a program may take before it is stopped
_STARTING = 120.0  # seconds beside, to import, read, encode and predict
_CJK = range(0x4E00, 0xA000)


def run(cell: Cell, setting: Setting, *, alone: bool) -> Scores:
    """Write the task, run the program, read its predictions.

    Raises:
        PlanError: the program failed, took far too long, or wrote no predictions of this task.
    """
    how, start = cell.method.how, time.monotonic()
    assert isinstance(how, Outside)
    table = hidden(drawn(setting.table, cell.labels, cell.seed))
    with tempfile.TemporaryDirectory() as name:
        task, out = Path(name) / "task", Path(name) / "out"
        task.mkdir()
        out.mkdir()
        with shown(False):
            write_task(task, table, cell, setting)
        _call(cell.method.name, how, task, out, setting.limit_seconds)
        probabilities, facts = _read(cell.method.name, out, table)
    judged = np.isin(np.flatnonzero(np.array(table.split) == "test"), judging(setting.table))
    found = probabilities[judged]
    return Scores(
        found.argmax(axis=1).astype(np.int64),
        found.max(axis=1).astype(np.float32),
        Facts(
            train_seconds=float(facts["train_seconds"]),
            wall_seconds=time.monotonic() - start,
            peak_bytes=childrens_peak(),
            learned=int(facts["learned_parameters"]),
            parameters=int(facts["total_parameters"]),
            size_bytes=int(facts["size_bytes"]),
            latency_ms=None if facts.get("latency_ms") is None else float(facts["latency_ms"]),
            chosen=", ".join(f"{name} {value}" for name, value in facts.get("settings", {}).items()),
            alone=alone,
            note=str(facts.get("note", "")),
            versions=tuple((str(a), str(b)) for a, b in facts.get("versions", {}).items()),
        ),
    )


def write_task(place: Path, table: Table, cell: Cell, setting: Setting) -> None:
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
    encoder = from_name(setting.encoder)
    same = isinstance(encoder, Tfidf)
    graph, view = Offer(setting.encoder, setting.links is not None, same, len(table)).graph
    # The plan is only a way to have one graph built, and rows attached to it.
    plan = Plan(encoder=setting.encoder, candidates=(Propagated(view, graph),), exactly=True, keep_rare=True)
    ready = Ready.of(table, plan, setting.links, Clock())
    new = ready.new(order[len(ready.nodes) :])
    extended = _extended(ready.data.graphs[graph], new.attachment(graph, ready.data.graphs[graph]))
    features = np.concatenate([ready.data.features.meaning.numpy(), new.features.meaning.numpy()])
    np.save(place / "features.npy", features)
    np.savez(place / "graph.npz", crow=extended.indptr, col=extended.indices, weight=extended.data)
    chinese = sum(ord(letter) in _CJK for text in table.texts[:200] for letter in text)
    facts = {
        "classes": table.classes,
        "seed": cell.seed,
        "budget_seconds": setting.limit_seconds,
        "threads": setting.threads,
        "encoder_directory": str(encoder.directory) if isinstance(encoder, Transformer) else None,
        "chinese": chinese > sum(map(len, table.texts[:200])) / 4,
    }
    (place / "task.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")


def _extended(built: BuiltGraph, attachment: Attachment) -> scipy.sparse.csr_array:
    graph = attachment.extend(built.graph)
    parts = (graph.weight.numpy(), graph.col.numpy(), graph.crow.numpy())
    return scipy.sparse.csr_array(parts, shape=(graph.nodes, graph.nodes))


def _call(name: str, how: Outside, task: Path, out: Path, limit: float) -> None:
    try:
        ended = subprocess.run(
            [*how.command, str(task), str(out)],
            cwd=how.folder,
            capture_output=True,
            check=False,
            text=True,
            errors="replace",
            timeout=_PATIENCE * limit + _STARTING,
        )
    except subprocess.TimeoutExpired:
        raise PlanError(
            f"{name} did not end within {_PATIENCE:g} times its {limit:g} s.", fix="see its own budget rule."
        ) from None
    except OSError as error:
        raise PlanError(f"{name} could not be started: {error}.", fix="install what it needs.") from error
    if ended.returncode:
        said = (ended.stderr.strip() or ended.stdout.strip() or "it said nothing").splitlines()[-1]
        raise PlanError(f"{name} ended with status {ended.returncode}: {said}", fix="run it by itself.")


def _read(name: str, out: Path, table: Table) -> tuple[np.ndarray, dict[str, Any]]:
    try:
        facts = json.loads((out / "facts.json").read_text(encoding="utf-8"))
        with np.load(out / "predictions.npz", allow_pickle=False) as stored:
            probabilities = stored["probabilities"]
        needed = ("train_seconds", "learned_parameters", "total_parameters", "size_bytes")
        missing = [key for key in needed if key not in facts]
    except (OSError, ValueError, KeyError) as error:
        raise PlanError(
            f"{name} left no predictions: {error}.", fix="see the form they must have."
        ) from error
    shape = (table.split.count("test"), len(table.classes))
    if missing or probabilities.shape != shape or not np.isfinite(probabilities).all():
        raise PlanError(
            f"{name} left predictions of shape {probabilities.shape}, not {shape}, or facts without "
            f"{', '.join(missing) or 'numbers'}.",
            fix="see the form they must have.",
        )
    return probabilities, facts
