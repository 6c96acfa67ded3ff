"""Which rows teach, which choose, which only judge at the end."""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Int64

from graphtune.errors import TableError
from graphtune.table import Table

_TEST_SHARE = 0.2
_ROWS_TO_SPARE = 10  # labelled rows a class, on the mean, from which a test part is set aside
_LEAST_TEST = 30  # rows; a smaller test part says nothing
_NONE = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of a table."""

    train: Int64[np.ndarray, " T"]  # labelled or not
    val: Int64[np.ndarray, " V"]  # labelled; may be empty
    test: Int64[np.ndarray, " B"]  # labelled or not; may be empty
    notes: tuple[str, ...]
    aside: bool = False  # whether the test part was set aside here
    named: Int64[np.ndarray, " K"] = field(default_factory=lambda: _NONE)  # of train: names of classes

    def nodes(self, *, transductive: bool) -> Int64[np.ndarray, " N"]:
        """Return the rows that are nodes of the graphs."""
        return np.concatenate([self.train, self.val, self.test]) if transductive else self.train

    def tested(self, labels: Int64[np.ndarray, " N"]) -> Int64[np.ndarray, " M"]:
        """Return the test rows that have one of the table's ``labels``: figures are of these alone."""
        return self.test[labels[self.test] >= 0]


def without_weightless(table: Table) -> Table:
    """Take a training row of weight 0 for an unlabelled one: it stays in the graph and teaches nothing."""
    if table.weights is None:
        return table
    teaching = ~np.isin(np.array(table.split), ["val", "test"])
    return replace(table, labels=np.where(teaching & (table.weights == 0), -1, table.labels))


def split_rows(table: Table, seed: int) -> Split:
    """Follow the table's own split; where it has none, set a stratified test part aside.

    A table that calls all its labelled rows "train" has said so: none is set aside then.

    Raises:
        TableError: fewer than two classes have labelled training rows, or no row is left to choose by.
    """
    named = np.array(table.split)
    notes: list[str] = []
    aside = False
    if not np.isin(named, ["val", "test"]).any():
        if (named[table.labels >= 0] == "train").any():
            notes.append("Every labelled row is for training: no test part, so the figures are from folds.")
        else:
            named, note = _set_aside(table, seed)
            notes.append(note)
            aside = bool((named == "test").any())
    train = np.flatnonzero(np.isin(named, ["train", ""]))
    val = np.flatnonzero((named == "val") & (table.labels >= 0))
    seen = np.unique(table.labels[train][table.labels[train] >= 0])
    if table.marks is not None:
        _check_marks(table, train)
        return Split(train, val, np.flatnonzero(named == "test"), tuple(notes), aside)
    if len(seen) < 2:
        rows = "training rows" if table.weights is None else "labelled training rows that weigh more than 0"
        raise TableError(
            f"The {rows} have {len(seen)} class(es); at least two are needed.",
            fix="label training rows of two or more classes (split = train, or no split at all).",
        )
    strange = ~np.isin(table.labels[val], seen)
    if strange.any():
        notes.append(f"{int(strange.sum())} validation rows have a class without training rows; not used.")
        val = val[~strange]
    known = table.labels[train][table.labels[train] >= 0]
    if not len(val) and np.bincount(known).max() < 2:
        raise TableError(
            f"Each of the {len(known)} classes has one labelled training row only, and no val row is of one "
            "of them: nothing is left to choose a model by.",
            fix="label more training rows, or val rows of the same classes.",
        )
    return Split(train, val, np.flatnonzero(named == "test"), tuple(notes), aside)


def _check_marks(table: Table, train: Int64[np.ndarray, " T"]) -> None:
    assert table.marks is not None
    marks = table.marks[train[table.labels[train] >= 0]]
    if len(marks) < 4 or not (marks.any(axis=0) & ~marks.all(axis=0)).any():
        raise TableError(
            f"Of {len(marks)} labelled training rows none can be told from the others by a label.",
            fix="label more training rows, some with and some without a label (split = train, or no split).",
        )


def _set_aside(table: Table, seed: int) -> tuple[np.ndarray, str]:
    from sklearn.model_selection import train_test_split

    named = np.full(len(table), "train", dtype="<U5")
    labelled = np.flatnonzero(table.labels >= 0)
    counts = np.bincount(table.labels[labelled], minlength=len(table.classes))
    # A class seen once or twice needs its rows to be learned from.
    able = labelled[counts[table.labels[labelled]] >= 3]
    size = int(_TEST_SHARE * len(able))
    few = len(labelled) < _ROWS_TO_SPARE * len(table.classes)
    if few or size < max(_LEAST_TEST, len(np.unique(table.labels[able]))):
        return named, (
            f"No test part was set aside: {len(labelled)} labelled rows of {len(table.classes)} classes are "
            "too few to spare any. The figures are from held-out folds."
        )
    _, test = train_test_split(able, test_size=size, stratify=table.labels[able], random_state=seed)
    named[test] = "test"
    return named, (
        f"The table has no split: a stratified fifth of the labelled rows ({len(test)}) was set aside for "
        "the final figures."
    )
