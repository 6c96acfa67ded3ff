"""Reading a file of edges between the ids of a table."""

from collections.abc import Container
from typing import Literal

import numpy as np

from graphtune.table.cell import CellError, as_identifier, as_text, as_weight
from graphtune.table.columns import nearest
from graphtune.table.opening import Source, name_of, open_table
from graphtune.table.problems import Problems, Tally, counted, listed
from graphtune.table.reader import Batch, Reader
from graphtune.table.table import Links

_SOURCES = ("source", "src", "from", "head", "u", "node1", "id1", "citing")
_TARGETS = ("target", "dst", "to", "tail", "v", "node2", "id2", "cited")
_WEIGHTS = ("weight", "w")
_KINDS = ("type", "kind", "relation", "edge_type")


def read_links(
    source: Source,
    known: Container[str] | None = None,
    *,
    purpose: Literal["fit", "predict", "check"] = "fit",
    directed: bool = False,
    source_column: str | None = None,
    target_column: str | None = None,
) -> Links:
    """Read edges, in any format a table may have; ids of any type become text as a table's do.

    Columns are found by name (source and target, src and dst, from and to), else they are the first two;
    ``weight`` and ``type`` are optional. Self-loops and duplicates stay in place.

    Raises:
        TableError: with everything that is wrong, such as ids that are not ``known``, with their rows.
    """
    problems = Problems()
    reader = open_table(source, problems)
    if reader is None:
        if purpose != "predict":
            problems.add(
                f"{name_of(source)} is empty.", fix="give a file with the columns source and target."
            )
        problems.raise_all()
        return _links([], [], None, None, directed)
    try:
        ends = _ends(reader, source_column, target_column, known, problems)
        problems.raise_all()
        weight, kind = (_named(reader, likely) for likely in (_WEIGHTS, _KINDS))
        checks = _Checks(reader.name, known)
        wanted = [name for name in (*ends, weight, kind) if name is not None]
        for batch in reader.batches(list(dict.fromkeys(wanted))):
            checks.take(batch, ends, weight, kind)
    finally:
        reader.close()
    checks.report(problems)
    if not checks.row and purpose != "predict":
        problems.add(f"{reader.name} has no edges.", fix="give some, or leave the file out.")
    problems.raise_all()
    return _links(
        *checks.ends, checks.weights if weight is not None else None, checks.kinds if kind else None, directed
    )


def _links(
    source: list[str],
    target: list[str],
    weights: list[float] | None,
    kinds: list[str] | None,
    directed: bool,
) -> Links:
    return Links(
        source=tuple(source),
        target=tuple(target),
        weight=None if weights is None else np.array(weights, np.float32).reshape(-1),
        kind=None if kinds is None else tuple(kinds),
        directed=directed,
    )


class _Checks:
    """What the rows hold, with one tally for each thing that can be wrong."""

    def __init__(self, name: str, known: Container[str] | None) -> None:
        self.name, self.known = name, known
        self.ends: tuple[list[str], list[str]] = ([], [])
        self.weights: list[float] = []
        self.kinds: list[str] = []
        self.row = 0
        self.unknown, self.no_end, self.bad_weight = Tally(), Tally(), Tally()

    def take(self, batch: Batch, ends: tuple[str, str], weight: str | None, kind: str | None) -> None:
        for at in range(batch.rows):
            self.row += 1
            if at in batch.broken:
                continue
            for side, column in zip(self.ends, ends, strict=True):
                side.append(self._end(batch.columns[column][at]))
            if weight is not None:
                self.weights.append(self._weight(batch.columns[weight][at]))
            if kind is not None:
                self.kinds.append(self._kind(batch.columns[kind][at]))

    def _end(self, cell: object) -> str:
        try:
            identifier = as_identifier(cell)
        except CellError as error:
            self.no_end.add(self.row, str(error))
            return ""
        if not identifier.strip():
            self.no_end.add(self.row, "empty")
        elif self.known is not None and identifier not in self.known:
            self.unknown.add(self.row, repr(identifier))
        return identifier

    def _weight(self, cell: object) -> float:
        try:
            return as_weight(cell)
        except CellError as error:
            self.bad_weight.add(self.row, str(error))
            return 1.0

    def _kind(self, cell: object) -> str:
        try:
            return as_text(cell)
        except CellError as error:
            return str(error)

    def report(self, problems: Problems) -> None:
        if self.unknown:
            problems.add(
                f"{self.name}: {counted(self.unknown.count, 'end')} of edges not among the ids of the table: "
                f"{self.unknown.examples}.",
                fix="remove them or add the rows; if the ids are in another column, name it with --id.",
            )
        if self.no_end:
            problems.add(
                f"{self.name}: edges without a usable end: {self.no_end.examples}.", fix="fill in both ids."
            )
        if self.bad_weight:
            problems.add(
                f"{self.name}: edge weights that are no numbers from 0 up: {self.bad_weight.examples}.",
                fix="mend them, or leave them empty for 1.",
            )


def _ends(
    reader: Reader, source: str | None, target: str | None, known: Container[str] | None, problems: Problems
) -> tuple[str, str]:
    for given in (source, target):
        if given is not None and given not in reader.names:
            near = nearest(given, reader.names)
            problems.add(
                f"{reader.name}: there is no column {given!r}; its columns are {listed(reader.names)}.",
                fix=f"use {near!r}." if near else "name one of these.",
            )
    if len(reader.names) < 2:
        problems.add(
            f"{reader.name}: edges need two columns, here is {listed(reader.names) or 'none'}.",
            fix="give a file with the columns source and target.",
        )
        return "", ""
    start, end = source or _named(reader, _SOURCES), target or _named(reader, _TARGETS)
    if start is None and end is None and known is not None and all(n in known for n in reader.names[:2]):
        problems.add(
            f"{reader.name}: the first line holds ids, not column names: {listed(reader.names[:2])}.",
            fix="add a first line: source,target.",
        )
    left = [name for name in reader.names if name not in (start, end)]
    if start is None:
        start = left.pop(0)
    return start, left[0] if end is None else end


def _named(reader: Reader, likely: tuple[str, ...]) -> str | None:
    plain = {name.lower(): name for name in reversed(reader.names)}
    return next((plain[name] for name in likely if name in plain), None)
