"""Tables whose texts may have several labels: what is wrong with them, and which text has which."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int64

from graphtune.table.gather import JOINT
from graphtune.table.names import in_order, judge_case
from graphtune.table.problems import Problems, counted, listed
from graphtune.table.table import UNLABELLED, Note

SEPARATOR = "|"  # of the labels of a text, unless another is named

_LIKELY = "|;,/"  # what else labels may be separated by


def separator_of(mark: str | None, *, several: bool) -> str | None:
    """Return what separates labels: ``mark``, else the usual one where a text may have several, else None."""
    return SEPARATOR if several and mark is None else mark


def marked(
    labels: Sequence[str | None],
    split: Sequence[str],
) -> tuple[tuple[str, ...], Bool[np.ndarray, "T C"], Int64[np.ndarray, " T"]]:
    """Return the names, which text has which of them, and by which one each text is counted.

    A text is counted by its rarest label, the first of several, and one without any by the commonest of all;
    rows that the table itself calls test do not say which are rare.
    """
    sets = [None if joined is None else _names(joined) for joined in labels]
    names = tuple(in_order({name for one in sets if one is not None for name in one}))
    place = {name: number for number, name in enumerate(names)}
    marks = np.zeros((len(labels), len(names)), bool)
    for row, one in enumerate(sets):
        marks[row, [place[name] for name in one or ()]] = True
    counts = marks[np.array(split) != "test"].sum(axis=0)
    strata = np.full(len(labels), UNLABELLED, np.int64)
    for row, one in enumerate(sets):
        if one is not None and len(names):
            own = np.flatnonzero(marks[row])
            strata[row] = own[counts[own].argmin()] if len(own) else counts.argmax()
    return names, marks, strata


def judge_several(
    name: str,
    rows: Sequence[tuple[str | None, str]],
    purpose: str,
    problems: Problems,
    notes: list[Note],
) -> None:
    """Add what is wrong with the labels of a table to ``problems``."""
    sets = [(_names(joined), part) for joined, part in rows if joined is not None]
    counts = Counter(label for one, _ in sets for label in one)
    if not counts:
        problems.add(
            f"{name}: no row has a label.", fix="label some rows, or name another column with --label."
        )
        return
    if purpose == "evaluate":
        return
    if all(len(one) == 1 for one, _ in sets):
        found = next((mark for mark in _LIKELY if any(mark in label for label in counts)), None)
        also = f", such as --separator {found!r}, which stands in labels" if found else ""
        problems.add(
            f"{name}: no text has more than one label, and none has no label: it is no multi-label table.",
            fix=f"leave --multi-label out, or name what separates the labels with --separator{also}.",
        )
        return
    judge_case(name, counts, problems)
    training = Counter(label for one, part in sets if part in ("train", "") for label in one)
    for many, text in (
        (sorted(set(counts) - set(training)), "no training row to learn from"),
        (sorted(label for label, count in training.items() if count == 1), "one training row only"),
    ):
        if many:
            what = counted(len(many), "label has", "labels have")
            notes.append(Note("warning", f"{name}: {what} {text}: {listed(many)}"))


def _names(joined: str) -> tuple[str, ...]:
    return tuple(label for label in joined.split(JOINT) if label)
