"""One of our own plans, run and measured in this process."""

import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median

import numpy as np
from jaxtyping import Float32, Int64

from graphtune.compare.conditions import Cell, Conditions
from graphtune.compare.draw import drawn, hidden, judging
from graphtune.compare.memory import own_peak
from graphtune.compare.scores import Facts, Scores
from graphtune.progress import shown
from graphtune.run import fit_table
from graphtune.run.fitted import FittedModel
from graphtune.run.saved import save
from graphtune.select.features import OF_MEANING
from graphtune.select.fitted_tuned import FittedTuned
from graphtune.select.network import FittedNetwork
from graphtune.table import Links, Table

_TRAINING = ("words", "graphs", "select", "tune", "final")  # stages whose seconds count
_ASKED, _ASKED_SECONDS = 20, 3.0  # single texts that the latency is the median of, at most


def run(cell: Cell, conditions: Conditions, *, alone: bool) -> Scores:
    """Train, and predict the judging rows, whose labels the training never sees.

    Raises:
        GraphtuneError: as `fit_table`.
    """
    start = time.monotonic()
    table = drawn(conditions.table, cell.labels, cell.seed)
    rows = judging(conditions.table)
    with shown(False):
        plan, links = cell.plan(conditions), conditions.links
        # No other method has to tell texts of no class.
        model = fit_table(hidden(table), plan=plan, into=None, links=links, tells_unknown=False)
        probabilities = _probabilities(model, table, rows, conditions)
        peak = own_peak()
        latency = _latency(model, table, rows)
        size = _size(model)
    best = probabilities.argmax(axis=1)
    places = np.array([table.classes.index(name) for name in model.classes])
    outcome = model.outcome
    learned = model.predictor.learned
    reached = model.predictor.reached if isinstance(model.predictor, FittedNetwork) else None
    return Scores(
        places[best],
        probabilities.max(axis=1).astype(np.float32),
        Facts(
            train_seconds=sum(outcome.seconds.get(stage, 0.0) for stage in _TRAINING),
            wall_seconds=time.monotonic() - start,
            peak_bytes=peak,
            learned=learned,
            parameters=_parameters(model),
            size_bytes=size,
            latency_ms=latency,
            chosen=outcome.chosen,
            alone=alone,
            graphs=tuple(asdict(graph) for graph in outcome.graphs),
            best_epochs=None if reached is None else reached.epochs,
            best_seconds=None if reached is None else reached.seconds,
        ),
    )


def _parameters(model: FittedModel) -> int:
    encoder = model.maker.encoder.parameters if model.views & OF_MEANING else 0
    if isinstance(model.predictor, FittedTuned):
        return encoder + model.predictor.head.weight.numel() + model.predictor.head.bias.numel()
    return encoder + model.predictor.learned


def _probabilities(
    model: FittedModel, table: Table, rows: Int64[np.ndarray, " B"], conditions: Conditions
) -> Float32[np.ndarray, "B C"]:
    ids = [table.ids[row] for row in rows]
    if conditions.transductive:
        place = {name: at for at, name in enumerate(model.stored.ids)}
        nodes = np.array([place[name] for name in ids], dtype=np.int64)
        return model.calibration.apply(model.predictor.at(model.data, nodes))
    links = None if conditions.links is None else _reaching(conditions.links, model, ids)
    return model.probabilities([table.texts[row] for row in rows], ids=ids, links=links)


def _reaching(links: Links, model: FittedModel, ids: list[str]) -> Links:
    """Return the links that join what is predicted to what the model stores, or to itself."""
    known, new = frozenset(model.stored.ids), frozenset(ids)
    pairs = zip(links.source, links.target, strict=True)
    both = known | new
    kept = [at for at, (a, b) in enumerate(pairs) if a in both and b in both and (a in new or b in new)]
    return Links(
        tuple(links.source[at] for at in kept),
        tuple(links.target[at] for at in kept),
        None if links.weight is None else links.weight[kept],
        None if links.kind is None else tuple(links.kind[at] for at in kept),
        links.directed,
    )


def _latency(model: FittedModel, table: Table, rows: Int64[np.ndarray, " B"]) -> float:
    """Return the median time of one text, in milliseconds, links aside."""
    model.probabilities([table.texts[rows[0]]])
    seconds: list[float] = []
    # A tuned encoder need not read again what it was asked last.
    for row in rows[1 : _ASKED + 1] if len(rows) > 1 else rows:
        start = time.monotonic()
        model.probabilities([table.texts[row]])
        seconds.append(time.monotonic() - start)
        if sum(seconds) > _ASKED_SECONDS:
            break
    return 1000 * median(seconds)


def _size(model: FittedModel) -> int:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name) / "model"
        save(model, place)
        return sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
