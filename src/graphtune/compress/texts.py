"""Which texts a step may look at, and which judge: never the same."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from graphtune.compress.checked import Texts
from graphtune.compress.subject import Subject
from graphtune.errors import TableError
from graphtune.report.wording import counted
from graphtune.run import FittedModel
from graphtune.table import Table

_MOST_JUDGING = 2000
_MOST_SEEN = 20_000  # by which a pruned encoder is taught; other steps take fewer of them
_PARTS = 4  # of which one is looked at, or judges, where the table does not say which texts judge
_ENOUGH_NEW = 100  # texts that the model does not hold, for these alone to judge


def divided(
    subject: Subject, table: Table | None, seed: int, *, learns: bool = False
) -> tuple[tuple[str, ...], Texts]:
    """Return the texts that steps may look at, and those that judge.

    The table's test rows judge, where it has such and others; else a part of its texts drawn by chance, of
    those that the model does not hold where there are enough. Without a table these are texts that the model
    holds. No text is on both sides, however often it is there.

    Where a step ``learns`` what the model says, one text in four judges instead of three, and the texts that
    the model holds are looked at too.

    Raises:
        TableError: there is no table and the model holds no texts, or there are fewer than two different
            texts.
    """
    model, random = subject.model, np.random.default_rng(seed)
    held = () if model is None else tuple(dict.fromkeys(text for text in model.stored.texts if text.strip()))
    if table is None:
        return _of_model(model, held, random, learns)
    own = frozenset(held)
    filled = np.array([at for at, text in enumerate(table.texts) if text.strip()], dtype=np.int64)
    test = np.array([at for at in filled if table.split[at] == "test"], dtype=np.int64)
    tested = {table.texts[at] for at in test}
    rest = np.array([at for at in filled if table.texts[at] not in tested], dtype=np.int64)
    if not len(test) or not len(rest):
        once = _once(table, filled)
        new = np.array([at for at in once if table.texts[at] not in own], dtype=np.int64)
        pool = new if len(new) >= _ENOUGH_NEW else once
        seen, judging = _parted(random.permutation(pool), learns)
        seen = np.concatenate([seen, np.setdiff1d(once, pool)])
        if not len(seen) or not len(judging):
            raise TableError(
                f"The table has {counted(len(once), 'text')}: models are compared on some, made by others.",
                fix="give a table of two different texts or more; a few hundred say more.",
            )
    else:
        seen, judging = random.permutation(rest), random.permutation(test)
    judges = _known(model, table, np.sort(judging[:_MOST_JUDGING]), own)
    looked = dict.fromkeys(table.texts[at] for at in seen[:_MOST_SEEN])
    if learns:
        judged = frozenset(judges.texts)
        looked = {text: None for text in (*looked, *held) if text not in judged}
    return tuple(looked), judges


def _once(table: Table, rows: Int64[np.ndarray, " T"]) -> Int64[np.ndarray, " M"]:
    """Return one row of each different text, ascending: its first that has a label, else its first."""
    first: dict[str, int] = {}
    for at in rows[np.argsort(table.labels[rows] < 0, kind="stable")]:
        first.setdefault(table.texts[at], int(at))
    return np.sort(np.array(list(first.values()), dtype=np.int64))


def _of_model(
    model: FittedModel | None, held: tuple[str, ...], random: np.random.Generator, learns: bool
) -> tuple[tuple[str, ...], Texts]:
    if len(held) < 2:
        what = "An encoder holds" if model is None else "A model without a graph holds"
        raise TableError(
            f"{what} no texts to compare on.",
            fix="give some with --data TABLE; with labels, where there are any.",
        )
    seen, judging = _parted(random.permutation(len(held)), learns)
    texts = tuple(held[at] for at in np.sort(judging[:_MOST_JUDGING]))
    nothing = np.full(len(texts), -1, dtype=np.int64)
    return tuple(held[at] for at in seen), Texts(texts, nothing, seen=True)


def _parted(
    rows: Int64[np.ndarray, " T"], learns: bool
) -> tuple[Int64[np.ndarray, " B"], Int64[np.ndarray, " M"]]:
    if len(rows) < 2:
        return rows[:0], rows
    part = -(-len(rows) // _PARTS)
    if learns:
        judging = min(_MOST_JUDGING, part)
        return rows[judging:], rows[:judging]
    count = min(_MOST_SEEN, part)
    return rows[:count], rows[count:]


def _known(
    model: FittedModel | None, table: Table, rows: Int64[np.ndarray, " M"], held: frozenset[str]
) -> Texts:
    texts = tuple(table.texts[at] for at in rows)
    if model is None:
        return Texts(texts, np.full(len(rows), -1, dtype=np.int64))
    seen = 2 * sum(text in held for text in texts) > len(texts)
    if model.several:
        marks = None if table.marks is None else _marks(model.classes, table)[rows]
        known = np.full(len(rows), -1 if marks is None else 0, dtype=np.int64)
        return Texts(texts, known, marks, seen)
    places = _places(model.classes, table.classes)
    labels = np.array(
        [places[table.labels[at]] if table.labels[at] >= 0 else -1 for at in rows], dtype=np.int64
    )
    return Texts(texts, labels, seen=seen)


def _places(ours: Sequence[str], theirs: Sequence[str]) -> list[int]:
    """Return where the table's classes stand among the model's; those it has not share the place behind."""
    known = {name: at for at, name in enumerate(ours)}
    return [known.get(name, len(ours)) for name in theirs]


def _marks(ours: Sequence[str], table: Table) -> np.ndarray:
    beyond = [name for name in table.classes if name not in ours]
    every = {name: at for at, name in enumerate([*ours, *beyond])}
    assert table.marks is not None
    marks = np.zeros((len(table), len(every)), dtype=bool)
    for column, name in enumerate(table.classes):
        marks[:, every[name]] = table.marks[:, column]
    return marks
