"""A model graph with what a task says of its modules: statistics, and as many probes as there are to be."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from torch import nn

from graphtune.encoder import Transformer
from graphtune.encoder.token_states import TokenIds
from graphtune.encoder.tunable import TunableTransformer
from graphtune.errors import TableError
from graphtune.model import TextModel, TextTask
from graphtune.sensitivity.head import fit_head
from graphtune.sensitivity.measure import measured, with_measured
from graphtune.sensitivity.settings import Probing
from graphtune.structure.gnn import to_probe
from graphtune.structure.model_graph import ModelGraph
from graphtune.structure.task_columns import with_task_columns

TRAIN_ROWS, VAL_ROWS = 1000, 256  # at most
_BATCHES, _BATCH = 8, 16  # that task statistics are taken from


@dataclass(frozen=True, eq=False)
class Rows:
    """Labelled texts: some fit the head and tune, others judge."""

    texts: Sequence[str]
    labels: Int64[np.ndarray, " T"]
    classes: int
    learn: Int64[np.ndarray, " M"]
    judge: Int64[np.ndarray, " V"]

    @classmethod
    def drawn(
        cls,
        texts: Sequence[str],
        labels: Int64[np.ndarray, " T"],
        classes: int,
        train: Int64[np.ndarray, " M"],
        val: Int64[np.ndarray, " V"],
        seed: int = 0,
    ) -> "Rows":
        """Draw up to `TRAIN_ROWS` and `VAL_ROWS` labelled rows; without val rows a quarter of train judges.

        Raises:
            TableError: fewer than two rows are left to learn from, or none to judge.
        """
        random = np.random.default_rng(seed)
        learn, judge = (random.permutation(rows[labels[rows] >= 0]) for rows in (train, val))
        if not len(judge):
            count = min(VAL_ROWS, len(learn) // 4)
            learn, judge = learn[count:], learn[:count]
        learn, judge = learn[:TRAIN_ROWS], judge[:VAL_ROWS]
        if len(learn) < 2 or not len(judge):
            raise TableError(
                f"{len(learn) + len(judge)} labelled rows are too few to tell what modules are worth.",
                fix="give 8 labelled rows or more; some hundred tell something.",
            )
        chosen = np.concatenate([learn, judge])
        place = np.arange(len(chosen))
        own = [texts[int(row)] for row in chosen]
        return cls(own, labels[chosen], classes, place[: len(learn)], place[len(learn) :])


@dataclass(frozen=True, eq=False)
class Analysed:
    """What a task says of a model."""

    graph: ModelGraph
    start_loss: float | None  # of the fitted head on the rows that judge, nats; None = nothing was probed
    seconds: dict[str, float]  # of head, statistics and probes


def prepared(encoder: Transformer, inner: nn.Module, rows: Rows) -> tuple[TextModel, TextTask]:
    """Return a model with an empty head, and what it is measured on.

    Args:
        encoder: whose tokenizer reads the texts, and how its states are pooled.
        inner: its weights, or tuned ones of the same kind; they become part of the model.
        rows: the texts.
    """
    texts = TokenIds.of(encoder, rows.texts)
    labels = torch.from_numpy(rows.labels)
    learn, judge = (torch.from_numpy(some) for some in (rows.learn, rows.judge))
    task = TextTask(texts, labels, rows.classes, learn, judge)
    whole = TunableTransformer(inner, 0, drops=False)
    head = nn.Linear(encoder.width, rows.classes)
    return TextModel(whole, encoder.pooled_by, head, dropout=0.0).eval(), task


def analysed(
    graph: ModelGraph,
    model: TextModel,
    task: TextTask,
    *,
    probes: int | None = 0,
    settings: Probing = Probing(),  # noqa: B008 - it cannot be changed
    into: Path | None = None,
) -> Analysed:
    """Fit the head, and add what batches and probes say to the graph.

    Args:
        graph: of the model.
        model: with nothing frozen.
        task: as `prepared` makes it.
        probes: how many modules are measured, those that tell most of the others (`to_probe`); None = all.
        settings: of the probes.
        into: directory of what was measured before.

    Raises:
        PlanError, TrainError, OutputError: as `measured`.
        PlanError, ModelError: as `to_probe`.
    """
    start = time.monotonic()
    fit_head(model, task)
    fitted = time.monotonic()
    batches = [task.batch(some) for some in task.train[: _BATCHES * _BATCH].split(_BATCH)]
    graph = with_task_columns(graph, model, batches)
    counted = time.monotonic()
    seconds = {"head": fitted - start, "statistics": counted - fitted}
    if probes == 0:
        return Analysed(graph, None, seconds)
    only = () if probes is None else to_probe(graph, probes)
    found = measured(graph, model, task, settings, only=only, into=into)
    seconds["probes"] = sum(probe.seconds for probe in found.values())
    start_loss = found[""].start
    return Analysed(with_measured(graph, found), None if math.isnan(start_loss) else start_loss, seconds)
