"""Tables from Python lists, arrays and series."""

import math
import numbers
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from graphtune.table.cell import CellError, as_label
from graphtune.table.columns import Columns
from graphtune.table.gather import JOINT, gather
from graphtune.table.judge import judge
from graphtune.table.problems import Problems, counted
from graphtune.table.reader import Batch
from graphtune.table.table import UNLABELLED, Table


def from_lists(
    texts: Iterable[object],
    labels: Iterable[object] | None = None,
    ids: Iterable[object] | None = None,
    split: Iterable[object] | None = None,
    weights: Iterable[object] | None = None,
    *,
    keep_rare: bool = False,
    several: bool = False,
) -> Table:
    """Make a table of parallel lists; without labels, one to predict.

    Labels are any scalars; None, NaN and the number -1 mean "unlabelled". Class names are their ``str``,
    taken as they are. A class with one training row is wrong unless ``keep_rare``. With ``several``, each
    text has a list of labels, which may be empty.

    Raises:
        TableError: with everything that is wrong with them.
    """
    problems = Problems()
    given = {"text": texts, "label": labels, "split": split, "id": ids, "weight": weights}
    cells: dict[str, list[object]] = {
        name: list(column) for name, column in given.items() if column is not None
    }
    if isinstance(texts, str):
        problems.add("texts is one str, not a list of them.", fix="give a list: [text].")
    rows = len(cells["text"])
    for name, column in cells.items():
        if len(column) != rows:
            problems.add(
                f"{counted(len(column), name)} for {counted(rows, 'text')}.", fix="give one for each text."
            )
    problems.raise_all()
    if "label" in cells:
        cells["label"] = [_labels(value) if several else _label(value) for value in cells["label"]]
    names = tuple(cells)
    columns = Columns(**{name: name for name in names})
    gathered = gather(_Lists(cells, rows), columns, problems, separator=JOINT if several else None)
    if labels is not None and rows == 0:
        problems.add("there are no texts.", fix="give some.")
    purpose = "predict" if labels is None else "fit"
    table = judge([gathered], purpose, problems, [], exact=True, keep_rare=keep_rare, several=several)
    problems.raise_all()
    return table


class _Lists:
    def __init__(self, cells: dict[str, list[object]], rows: int) -> None:
        self.name, self.names = "the lists", tuple(cells)
        self.remarks: tuple[str, ...] = ()
        self._cells, self._rows = cells, rows

    def sample(self) -> dict[str, list[object]]:
        return self._cells

    def batches(self, wanted: Sequence[str]) -> Iterator[Batch]:
        yield Batch({name: self._cells[name] for name in wanted}, self._rows)

    def close(self) -> None:
        pass


def _labels(value: object) -> object:
    """Return a list of labels, of one label a list with it, of nothing None."""
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return [_label(part) for part in value]
    one = _label(value)
    return None if one is None else [one]


def _label(value: object) -> object:
    """Return None for what means "unlabelled", and numbers under the one name that equal numbers share."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, numbers.Real) and (math.isnan(value) or value == UNLABELLED):
        return None
    try:
        return as_label(value)
    except CellError:
        return value
