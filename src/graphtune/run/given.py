"""What a caller in Python gives: lists, arrays and frames, as the tables and links that a fit reads."""

import numbers
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from graphtune.errors import PlanError, TableError
from graphtune.plan import Plan
from graphtune.run.fitted import LabelKind
from graphtune.table import Links, Source, Table, from_lists, read_links
from graphtune.table.cell import CellError, as_identifier, as_label

Edges = Links | Source | Iterable[Any]  # of pairs or triples

_LISTS = (list, tuple, set, frozenset, np.ndarray)


def table_of(
    texts: Iterable[object],
    labels: Iterable[object],
    unlabelled: Iterable[object] | None,
    ids: Iterable[object] | None,
    weights: Iterable[object] | None,
    plan: Plan,
) -> tuple[Table, LabelKind, np.dtype[Any] | None]:
    """Return the rows, what kind of value the labels are, and their NumPy type where they are numbers."""
    if isinstance(texts, str) or isinstance(unlabelled, str):
        raise TableError("The texts are one str, not a list of them.", fix="give a list: [text].")
    first, second = list(texts), [] if unlabelled is None else list(unlabelled)
    given, names = list(labels), None if ids is None else list(ids)
    if names is not None and len(names) == len(first):
        names += [f"unlabelled:{number}" for number in range(len(second))]
    own = None if weights is None else [*weights, *[1.0] * len(second)]
    # Where the texts to be predicted are known, they are to a fit what a table's test rows are.
    split = ["train"] * len(first) + ["test" if plan.transductive else "train"] * len(second)
    labels = [*given, *[None] * len(second)]
    several = plan.separator is not None
    table = from_lists(
        [*first, *second], labels, names, split, own, keep_rare=plan.keep_rare, several=several
    )
    if several:
        every = [one for value in given if isinstance(value, _LISTS) for one in value]
        kind = _kind(every) if every else "text"
        return table, kind, np.asarray(every).dtype if kind in ("whole", "number") else None
    strange = [at for at, name in enumerate(table.classes) if name in (plan.unknown_labels or ())]
    known = [
        value
        for value, label in zip(given, table.labels, strict=False)
        if label >= 0 and label not in strange
    ]
    kind = _kind(known)
    return table, kind, np.asarray(known).dtype if kind in ("whole", "number") else None


def labels_of(value: object) -> tuple[str, ...] | None:
    """Return the name of a label in the form of a plan's ``unknown_labels``.

    Raises:
        PlanError: it is no name.
    """
    try:
        label = as_label(value)
        return None if label is None else (label,)
    except CellError as error:
        raise PlanError(f"unknown_label is {error}, no label.", fix="give text or a number.") from None


def _kind(known: Sequence[object]) -> LabelKind:
    kinds: dict[LabelKind, object] = {}
    for value in known:
        match value:
            case bool() | np.bool_():
                kinds.setdefault("truth", value)
            case numbers.Integral():
                kinds.setdefault("whole", value)
            case numbers.Real():
                kinds.setdefault("number", value)
            case _:
                kinds.setdefault("text", value)
    if kinds.keys() == {"whole", "number"}:
        return "number"
    if len(kinds) > 1:
        seen = " and ".join(repr(value) for value in kinds.values())
        raise TableError(f"The labels are of several types, such as {seen}.", fix="give all of one type.")
    return next(iter(kinds))


def links_of(edges: Edges | None, ids: Sequence[str], purpose: str) -> Links | None:
    """Return links between ``ids``, for a fit or a prediction.

    Raises:
        TableError: with what is wrong with them.
    """
    if edges is None or isinstance(edges, Links):
        return edges
    frame: Any = edges
    if not isinstance(edges, str | Path) and not hasattr(edges, "__arrow_c_stream__"):
        rows = [tuple(edge) for edge in edges]  # type: ignore[union-attr]
        if not rows:
            return None
        frame = _frame(rows)
    # Links of new texts may lead to texts that the model does not hold; those of a fit should not.
    if purpose == "predict":
        return read_links(frame, purpose="predict")
    return read_links(frame, frozenset(ids))


def _frame(rows: list[tuple[Any, ...]]) -> pa.Table:
    widths = {len(row) for row in rows}
    if widths not in ({2}, {3}):
        raise TableError(
            f"Edges are pairs, or triples with a weight; here are some of {sorted(widths)} parts.",
            fix="give (source, target) or (source, target, weight) for each.",
        )
    try:
        columns = {
            name: [as_identifier(row[at]) for row in rows] for at, name in enumerate(("source", "target"))
        }
        if widths == {3}:
            columns["weight"] = [as_identifier(row[2]) for row in rows]
    except CellError as error:
        raise TableError(f"An edge has {error} in it.", fix="use ids or row numbers, and numbers.") from None
    return pa.table(columns)
