"""What is wrong with a table as a whole: labels, ids, duplicates; and the notes about it."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal

import numpy as np

from graphtune.table.gather import Gathered
from graphtune.table.names import in_order, is_whole, judge_case
from graphtune.table.problems import SHOWN, Problems, Tally, counted, listed, rows_named
from graphtune.table.several import judge_several, marked
from graphtune.table.table import UNLABELLED, Note, Table

Purpose = Literal["fit", "predict", "evaluate", "check", "pretrain", "compress"]
_WITHOUT_LABELS = ("predict", "pretrain")
_NOT_JUDGED = (*_WITHOUT_LABELS, "compress")  # labels are read where there are any
_UNLABELLED_NUMBER = "-1"


def judge(
    files: Sequence[Gathered],
    purpose: Purpose,
    problems: Problems,
    notes: Sequence[Note],
    *,
    exact: bool = False,
    keep_rare: bool = False,
    several: bool = False,
) -> Table:
    """Join the rows of all files into one table, adding what is wrong to ``problems``.

    ``exact`` takes class names as they are: blanks and case tell classes apart, as they do in Python.
    ``keep_rare`` lets classes with one training row pass. With ``several``, texts may have several labels.
    """
    notes = list(notes)
    for rows in files:
        _judge_texts(rows, problems, notes)
    if purpose not in _WITHOUT_LABELS and not exact and not several:
        _tidy_labels(files, notes)
    ids = _identifiers(files, problems)
    texts = [text for rows in files for text in rows.texts]
    labels = [label for rows in files for label in rows.labels]
    split = [part for rows in files for part in rows.splits]
    sound = [at not in rows.broken for rows in files for at in range(len(rows))]
    if purpose not in _NOT_JUDGED and any(sound):
        judged = [(label, part) for label, part, good in zip(labels, split, sound, strict=True) if good]
        if several:
            judge_several(files[0].name, judged, purpose, problems, notes)
        else:
            _judge_labels(files[0].name, judged, purpose, problems, notes, exact=exact, keep_rare=keep_rare)
    _note_duplicates(texts, labels, split, notes)
    if several:
        names, marks, strata = marked(labels, split)
        return Table(
            ids=tuple(ids),
            texts=tuple(texts),
            labels=strata,
            classes=names,
            split=tuple(split),
            weights=_weights(files),
            notes=tuple(notes),
            marks=marks,
        )
    classes = in_order({label for label in labels if label is not None})
    place = {label: number for number, label in enumerate(classes)}
    return Table(
        ids=tuple(ids),
        texts=tuple(texts),
        labels=np.array([UNLABELLED if x is None else place[x] for x in labels], np.int64).reshape(-1),
        classes=tuple(classes),
        split=tuple(split),
        weights=_weights(files),
        notes=tuple(notes),
    )


def _judge_texts(rows: Gathered, problems: Problems, notes: list[Note]) -> None:
    blank = Tally()
    for at, text in enumerate(rows.texts):
        if at not in rows.broken and (not text or text.isspace()):
            blank.add(at + 1)
    if not blank:
        return
    if blank.count == len(rows) - len(rows.broken):
        problems.add(f"{rows.name}: every text is empty.", fix="name the column of texts with --text.")
    else:
        notes.append(
            Note(
                "warning", f"{rows.name}: {counted(blank.count, 'empty text')} ({blank.rows}), kept as blanks"
            )
        )


def _tidy_labels(files: Sequence[Gathered], notes: list[Note]) -> None:
    """Strip blanks around class names; take -1 among whole numbers for "unlabelled"; say both."""
    stripped, numbers = 0, True
    for rows in files:
        for at, label in enumerate(rows.labels):
            if label is not None:
                clean = label.strip()
                stripped += clean != label
                rows.labels[at] = clean
                numbers = numbers and is_whole(clean)
    if stripped:
        text = f"blanks around {counted(stripped, 'label')} were removed"
        notes.append(Note("warning", f"{files[0].name}: {text}"))
    missing = sum(rows.labels.count(_UNLABELLED_NUMBER) for rows in files)
    if numbers and missing:
        for rows in files:
            rows.labels = [None if label == _UNLABELLED_NUMBER else label for label in rows.labels]
        text = f"label -1 counts as unlabelled ({counted(missing, 'row')}); if it is a class, give it a name"
        notes.append(Note("warning", f"{files[0].name}: {text}"))


def _identifiers(files: Sequence[Gathered], problems: Problems) -> list[str]:
    ids: list[str] = []
    prefixes: Counter[str] = Counter()
    first: dict[str, tuple[str, int]] = {}
    for number, rows in enumerate(files):
        own = rows.ids
        if own is None:
            stem = _stem(rows.name)
            prefixes[stem] += 1
            prefix = "" if number == 0 else f"{stem}{prefixes[stem] if prefixes[stem] > 1 else ''}:"
            own = [f"{prefix}{row}" for row in range(len(rows))]
        twice, clash = Tally(), Tally()
        for row, identifier in enumerate(own, 1):
            before = first.setdefault(identifier, (rows.name, row))
            if before[0] != rows.name:
                clash.add(row, f"{identifier!r} is also row {before[1]} of {before[0]}")
            elif before[1] != row:
                twice.add(row, f"{identifier!r} is also row {before[1]}")
        if twice:
            what = counted(twice.count, "id stands", "ids stand")
            problems.add(
                f"{rows.name}: {what} there already: {twice.examples}.",
                fix="make ids unique, or name another column with --id.",
            )
        if clash:
            problems.add(
                f"{rows.name}: {counted(clash.count, 'id')} of it are those of other rows: {clash.examples}.",
                fix="give every row of every file an id of its own, or name another column with --id.",
            )
        ids += own
    return ids


def _judge_labels(
    name: str,
    rows: Sequence[tuple[str | None, str]],
    purpose: Purpose,
    problems: Problems,
    notes: list[Note],
    *,
    exact: bool,
    keep_rare: bool,
) -> None:
    counts = Counter(label for label, _ in rows if label is not None)
    if not counts:
        problems.add(
            f"{name}: no row has a label.", fix="label some rows, or name another column with --label."
        )
        return
    if purpose == "evaluate":
        return
    if len(counts) == 1:
        (only,) = counts
        unlabelled = any("-1" in note.text and "counts as unlabelled" in note.text for note in notes)
        hint = " (-1 counts as unlabelled: if it is a class, give it a name)" if unlabelled else ""
        problems.add(
            f"{name}: all labelled rows are of one class, {only!r}.",
            fix=f"label rows of at least two classes{hint}.",
        )
        return
    if not exact:
        judge_case(name, counts, problems)
    _judge_rare(name, rows, problems, notes, keep=keep_rare)


def _judge_rare(
    name: str, rows: Sequence[tuple[str | None, str]], problems: Problems, notes: list[Note], *, keep: bool
) -> None:
    training: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    for label, part in rows:
        if label is not None:
            (training if part in ("train", "") else elsewhere)[label] += 1
    if not training:
        problems.add(f"{name}: no training row has a label.", fix="label some rows whose split is train.")
        return
    unseen = sorted(set(elsewhere) - set(training))
    if unseen:
        what = counted(len(unseen), "class has", "classes have")
        notes.append(Note("warning", f"{name}: {what} no training row to learn from: {listed(unseen)}"))
    judging = {label for label, part in rows if part == "val"} & set(training)
    once = {label for label, count in training.items() if count == 1}
    checked, unchecked = sorted(once & judging), sorted(once - judging)
    if checked:
        notes.append(Note("warning", f"{name}: {_once(checked)}"))
    if not unchecked:
        return
    alone = len(once) == len(training)  # then no row is left to choose by
    if judging or (keep and not alone):
        notes.append(Note("warning", f"{name}: {_once(unchecked)}; learned from, but never checked"))
    else:
        also = "" if alone else "; or keep it unchecked with --keep-rare (keep_rare=True in Python)"
        problems.add(
            f"{name}: {_once(unchecked)}; a class needs two, one to learn from and one to check with.",
            fix=f"label more of its rows, join it with another class, or empty its label{also}.",
        )


def _once(classes: Sequence[str]) -> str:
    return f"{counted(len(classes), 'class has', 'classes have')} one training row only: {listed(classes)}"


def _note_duplicates(
    texts: Sequence[str], labels: Sequence[str | None], split: Sequence[str], notes: list[Note]
) -> None:
    first: dict[str, int] = {}
    across: defaultdict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    conflicts: list[tuple[int, int]] = []
    for row, text in enumerate(texts):
        before = first.setdefault(text, row)
        if before == row or not text or text.isspace():
            continue
        if split[row] != split[before]:
            a, b = sorted((split[before], split[row]), key=("train", "", "val", "test").index)
            across[b, a].append((before + 1, row + 1))
        if labels[row] != labels[before] and None not in (labels[row], labels[before]):
            conflicts.append((before + 1, row + 1))
    for (later, earlier), pairs in across.items():
        what = counted(len(pairs), "text stands", "texts stand")
        named = f"both the {earlier or 'other'} and the {later or 'other'} rows"
        notes.append(Note("warning", f"{what} in {named} ({_pairs(pairs)})"))
    if conflicts:
        what = counted(len(conflicts), "text stands", "texts stand")
        notes.append(Note("warning", f"{what} there twice under different labels ({_pairs(conflicts)})"))


def _pairs(pairs: Sequence[tuple[int, int]]) -> str:
    shown = [rows_named(pair) for pair in pairs[:SHOWN]]
    more = f" and {len(pairs) - SHOWN:,} more" if len(pairs) > SHOWN else ""
    return "; ".join(shown) + more


def _weights(files: Sequence[Gathered]) -> np.ndarray | None:
    if all(rows.weights is None for rows in files):
        return None
    return np.concatenate(
        [
            np.ones(len(rows), np.float32) if rows.weights is None else np.array(rows.weights, np.float32)
            for rows in files
        ]
    )


def _stem(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2].partition(".")[0] or name
