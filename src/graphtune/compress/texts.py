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
_SHARE_SEEN = 4  # one text in so many is looked at, where the table does not say which judge


def divided(subject: Subject, table: Table | None, seed: int) -> tuple[tuple[str, ...], Texts]:
    """Return the texts that steps may look at, and those that judge.

    The table's test rows judge, where it has such; else a part of its rows drawn by chance. Without a table
    these are texts that the model holds.

    Raises:
        TableError: there is no table and the model holds no texts, or there are fewer than two texts.
    """
    if table is None:
        return _of_model(subject.model, seed)
    filled = np.array([at for at, text in enumerate(table.texts) if text.strip()], dtype=np.int64)
    test = np.array([at for at in filled if table.split[at] == "test"], dtype=np.int64)
    rest = np.setdiff1d(filled, test)
    random = np.random.default_rng(seed)
    if not len(test) or not len(rest):
        seen, judging = _parted(random.permutation(filled))
    else:
        seen, judging = random.permutation(rest), random.permutation(test)
    if not len(seen) or not len(judging):
        raise TableError(
            f"The table has {counted(len(filled), 'text')}: models are compared on some, made by others.",
            fix="give a table of two texts or more; a few hundred say more.",
        )
    looked = tuple(table.texts[at] for at in seen[:_MOST_SEEN])
    return looked, _known(subject.model, table, np.sort(judging[:_MOST_JUDGING]))


def _of_model(model: FittedModel | None, seed: int) -> tuple[tuple[str, ...], Texts]:
    held = () if model is None else tuple(text for text in model.stored.texts if text.strip())
    if len(held) < 2:
        what = "An encoder holds" if model is None else "A model without a graph holds"
        raise TableError(
            f"{what} no texts to compare on.",
            fix="give some with --data TABLE; with labels, where there are any.",
        )
    seen, judging = _parted(np.random.default_rng(seed).permutation(len(held)))
    texts = tuple(held[at] for at in np.sort(judging[:_MOST_JUDGING]))
    nothing = np.full(len(texts), -1, dtype=np.int64)
    return tuple(held[at] for at in seen[:_MOST_SEEN]), Texts(texts, nothing, seen=True)


def _parted(rows: Int64[np.ndarray, " T"]) -> tuple[Int64[np.ndarray, " B"], Int64[np.ndarray, " M"]]:
    count = min(_MOST_SEEN, -(-len(rows) // _SHARE_SEEN)) if len(rows) > 1 else 0
    return rows[:count], rows[count:]


def _known(model: FittedModel | None, table: Table, rows: Int64[np.ndarray, " M"]) -> Texts:
    texts = tuple(table.texts[at] for at in rows)
    if model is None:
        return Texts(texts, np.full(len(rows), -1, dtype=np.int64))
    if model.several:
        marks = None if table.marks is None else _marks(model.classes, table)[rows]
        known = np.full(len(rows), -1 if marks is None else 0, dtype=np.int64)
        return Texts(texts, known, marks)
    places = _places(model.classes, table.classes)
    labels = np.array(
        [places[table.labels[at]] if table.labels[at] >= 0 else -1 for at in rows], dtype=np.int64
    )
    return Texts(texts, labels)


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
