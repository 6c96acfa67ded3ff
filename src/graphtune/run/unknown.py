"""Texts of none of the classes: set apart before a fit, and told from the others after it."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float64, Int64

from graphtune.errors import TableError
from graphtune.progress import say
from graphtune.run.figures import unknown_figures
from graphtune.run.fitted import FittedModel
from graphtune.run.ready import Ready
from graphtune.select.features import OF_MEANING
from graphtune.select.held_out import HeldOut
from graphtune.select.outcome import UnknownReport
from graphtune.select.rejection import LEAST, Rejection, by_examples, rejection, signs
from graphtune.select.standing import Tried
from graphtune.table import Links, Table
from graphtune.table.columns import nearest


@dataclass(frozen=True, eq=False)
class Strangers:
    """Rows of a table that are of none of its classes."""

    label: str | None  # the first that the table calls them by
    table: Table
    examples: Int64[np.ndarray, " M"]  # rows that may choose: of train or val
    judging: Int64[np.ndarray, " B"]  # test rows

    def texts(self, rows: Int64[np.ndarray, " M"]) -> list[str]:
        """Return the texts of some rows."""
        return [self.table.texts[row] for row in rows]

    def ids(self, rows: Int64[np.ndarray, " M"]) -> list[str]:
        """Return the ids of some rows."""
        return [self.table.ids[row] for row in rows]


def set_apart(table: Table, labels: tuple[str, ...] | None) -> tuple[Table, Strangers]:
    """Return the rows of known classes, and those whose label means that they are of none.

    Raises:
        TableError: no row has one of the labels.
    """
    if not labels:
        return table, Strangers(None, table, np.zeros(0, np.int64), np.zeros(0, np.int64))
    for label in labels:
        if label not in table.classes:
            near = nearest(label, table.classes)
            raise TableError(
                f"No row has the label {label!r}, which is to mean that a text is of no class.",
                fix=f"did you mean {near!r}?" if near else "name a label of the table, or leave it out.",
            )
    known = np.array([name not in labels for name in table.classes])
    number = np.append(np.where(known, np.cumsum(known) - 1, -2), -1)  # the last is that of unlabelled rows
    strange, split = number[table.labels] == -2, np.array(table.split)
    kept = np.flatnonzero(~strange)
    rest = replace(
        table,
        ids=tuple(table.ids[row] for row in kept),
        texts=tuple(table.texts[row] for row in kept),
        labels=number[table.labels[kept]].astype(np.int64),
        classes=tuple(name for name in table.classes if name not in labels),
        split=tuple(table.split[row] for row in kept),
        weights=None if table.weights is None else table.weights[kept],
    )
    examples = np.flatnonzero(strange & (split != "test"))
    return rest, Strangers(labels[0], table, examples, np.flatnonzero(strange & (split == "test")))


def told(
    ready: Ready, held_out: HeldOut, chosen: Tried, seed: int
) -> tuple[Rejection, Float64[np.ndarray, "T 2"]] | None:
    """Return how texts of no class are told by what serves; None where the plan reads no meaning."""
    if not ready.views & OF_MEANING:
        return None
    parts = held_out.parts[: chosen.parts]
    return rejection(ready.data, parts, chosen.probabilities, ready.teach, seed)


def with_examples(
    model: FittedModel, known: Float64[np.ndarray, "T 2"], strangers: Strangers, links: Links | None
) -> FittedModel:
    """Let the examples of no class choose too, and put what is known of it into the outcome."""
    found, rows = model.rejection, strangers.examples
    assert found is not None
    if strangers.label is not None:
        if len(rows):
            raw, x = model.read(strangers.texts(rows), ids=strangers.ids(rows), links=links)
            found = by_examples(found, known, signs(raw, x, found.near))
        if len(rows) < LEAST:
            say(
                f"note: {len(rows)} training or val rows are {strangers.label!r}: fewer than {LEAST} choose "
                "nothing; the threshold is set by texts of the classes alone."
            )
    report = UnknownReport(
        strangers.label, found.threshold, len(found.known), found.kept, found.examples, found.caught
    )
    return replace(model, rejection=found, outcome=replace(model.outcome, unknown=report))


def on_test(model: FittedModel, ready: Ready, strangers: Strangers) -> FittedModel:
    """Measure on the test rows how well texts of no class are told, where some are of none."""
    report, found, rows = model.outcome.unknown, model.rejection, strangers.judging
    if report is None or found is None or not len(rows):
        return model
    judged = ready.tested
    _, strange = model.judged(strangers.texts(rows), ids=strangers.ids(rows), links=ready.links)
    if ready.plan.transductive:
        place = {int(row): at for at, row in enumerate(ready.nodes)}
        nodes = np.array([place[int(row)] for row in judged], dtype=np.int64)
        raw = model.predictor.at(model.data, nodes)
        scores = found.scores(raw, model.data.features.meaning[torch.from_numpy(nodes)])
        probabilities = model.calibration.apply(raw)
    else:
        texts = [ready.table.texts[row] for row in judged]
        probabilities, scores = model.judged(texts, ids=ready.ids(judged), links=ready.links)
    right = probabilities.argmax(axis=1) == ready.labels[judged]
    test = unknown_figures(
        np.concatenate([scores, strange]),
        np.arange(len(scores) + len(strange)) >= len(scores),
        np.concatenate([right, np.zeros(len(strange), bool)]),
        found.threshold,
    )
    return replace(model, outcome=replace(model.outcome, unknown=replace(report, test=test)))
