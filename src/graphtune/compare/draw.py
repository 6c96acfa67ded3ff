"""Fewer labels of the same table, as if nobody had given the others."""

from dataclasses import replace

import numpy as np

from graphtune.errors import TableError
from graphtune.run.split import split_rows
from graphtune.table import Note, Table

_SAME_FROM = 0.9  # share of all labels from which a count a class is no different from all


def divided(table: Table, seed: int) -> Table:
    """Return the table with every row's part written out, and test rows to judge by.

    The split is the table's own. Where it has val rows but no labelled test rows, the val rows judge.

    Raises:
        TableError: there are no labelled rows that could judge; or as `split_rows`.
    """
    split = split_rows(table, seed)
    parts = np.full(len(table), "train", dtype="<U5")
    parts[split.val], parts[split.test] = "val", "test"
    notes = [*table.notes, *(Note("guess", text) for text in split.notes)]
    if not len(split.tested(table.labels)):
        if not len(split.val):
            raise TableError(
                "The table has no labelled rows to judge the methods by: no test part, and too few labels to "
                "set one aside.",
                fix="give test rows (a column split, or --test FILE), or label 10 rows a class and more.",
            )
        parts[split.val] = "test"
        notes.append(
            Note("guess", f"No labelled test rows: the {len(split.val)} val rows judge, folds choose.")
        )
    # A val row whose class nobody teaches, or without a label, is of no use: it must not become a test row.
    unused = ~np.isin(np.arange(len(table)), np.concatenate([split.train, split.val, split.test]))
    labels = np.where(unused, -1, table.labels)
    return replace(table, split=tuple(map(str, parts)), labels=labels, notes=tuple(notes))


def counts_offered(table: Table, asked: tuple[int | None, ...]) -> tuple[tuple[int | None, ...], list[str]]:
    """Return which counts of labels a class make a difference, and a note for each that does not.

    None stands for all labels. A count is dropped where it leaves almost every label.
    """
    known = table.labels[_teaching(table)]
    there = np.bincount(known)
    kept: list[int | None] = []
    notes: list[str] = []
    for count in dict.fromkeys(asked):
        # Numbers beyond all rows would not fit an array's.
        left = len(known) if count is None else int(np.minimum(there, min(count, len(known))).sum())
        if count is None or left < _SAME_FROM * len(known):
            kept.append(count)
        else:
            notes.append(f"{count} labels a class are no fewer than the table has: only all of them are run.")
            if None not in asked and None not in kept:
                kept.append(None)
    return tuple(sorted(kept, key=lambda count: float("inf") if count is None else count)), notes


def labelled_rows(table: Table, count: int | None) -> int:
    """Return how many training rows have a label where ``count`` a class are drawn."""
    there = np.bincount(table.labels[_teaching(table)])
    return int((there if count is None else np.minimum(there, count)).sum())


def drawn(table: Table, count: int | None, seed: int) -> Table:
    """Keep the labels of ``count`` training rows a class, drawn by ``seed``; the other rows stay, unlabelled.

    Val rows lose their part and their label too: hundreds of labels to choose by are not few. A class with
    fewer rows keeps all it has. None keeps everything.
    """
    if count is None:
        return table
    random = np.random.default_rng(seed)
    teaching = _teaching(table)
    order = random.permutation(teaching)
    kept = [order[table.labels[order] == number][:count] for number in range(len(table.classes))]
    judged = np.array(table.split) == "test"
    labels = np.where(judged | np.isin(np.arange(len(table)), np.concatenate(kept)), table.labels, -1)
    split = tuple("test" if test else "train" for test in judged)
    return replace(table, labels=labels, split=split)


def judging(table: Table) -> np.ndarray:
    """Return the labelled test rows."""
    return np.flatnonzero((np.array(table.split) == "test") & (table.labels >= 0))


def hidden(table: Table) -> Table:
    """Return the table without the labels of its test rows: what a method gets to see."""
    return replace(table, labels=np.where(np.array(table.split) == "test", -1, table.labels))


def _teaching(table: Table) -> np.ndarray:
    return np.flatnonzero((np.array(table.split) == "train") & (table.labels >= 0))
