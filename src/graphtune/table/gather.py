"""From a reader's cells to texts, class names, splits, ids: what is wrong with single cells ends here."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from graphtune.table.cell import (
    CellError,
    as_identifier,
    as_label,
    as_labels,
    as_text,
    as_weight,
    undecodable,
)
from graphtune.table.columns import Columns
from graphtune.table.encoding import conversion, likely_encoding
from graphtune.table.problems import Problems, Tally, counted, listed
from graphtune.table.reader import Batch, Reader
from graphtune.table.table import Note

LONGEST = 1_000_000  # letters of one text
JOINT = "\1"  # between the labels of a text; alone, it says that the text has none
_SPLITS = {
    **dict.fromkeys(("train", "training", "unsupervised", "unlabelled", "unlabeled"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "development"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
    "": "",
}


@dataclass
class Gathered:
    """The rows of one file, cell by cell in order, before the whole is judged."""

    name: str
    texts: list[str] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    ids: list[str] | None = None
    weights: list[float] | None = None
    broken: set[int] = field(default_factory=set)  # rows already reported; no check looks at them

    def __len__(self) -> int:
        return len(self.texts)


def gather(
    reader: Reader,
    columns: Columns,
    problems: Problems,
    split_notes: list[Note] | None = None,
    *,
    separator: str | None = None,
) -> Gathered:
    """Read all rows, adding every cell that cannot be used to ``problems``.

    Unknown splits are a problem, or with ``split_notes`` a warning there. With a ``separator`` a text may
    have several labels; they are joined by ``JOINT``.
    """
    rows = Gathered(
        reader.name,
        ids=None if columns.id is None else [],
        weights=None if columns.weight is None else [],
    )
    checks = _Checks(separator)
    wanted = [name for name in vars(columns).values() if name is not None]
    for batch in reader.batches(list(dict.fromkeys(wanted))):
        _take(batch, columns, rows, checks)
    checks.report(rows.name, columns, problems)
    checks.report_split(rows.name, columns, problems, split_notes)
    return rows


def _take(batch: Batch, columns: Columns, rows: Gathered, checks: "_Checks") -> None:
    start = len(rows)
    rows.broken.update(start + at for at in batch.broken)
    cells = batch.columns
    nothing = [None] * batch.rows
    texts = nothing if columns.text is None else cells[columns.text]
    labels = nothing if columns.label is None else cells[columns.label]
    splits = nothing if columns.split is None else cells[columns.split]
    rows.texts += checks.texts(texts, start, batch.broken)
    rows.labels += [checks.label(cell, start + at + 1) for at, cell in enumerate(labels)]
    rows.splits += [checks.split(cell, start + at + 1) for at, cell in enumerate(splits)]
    if rows.ids is not None and columns.id is not None:
        rows.ids += [
            checks.identifier(cell, start + at + 1, at in batch.broken)
            for at, cell in enumerate(cells[columns.id])
        ]
    if rows.weights is not None and columns.weight is not None:
        rows.weights += [checks.weight(cell, start + at + 1) for at, cell in enumerate(cells[columns.weight])]


def _joined(names: tuple[str, ...] | None) -> str | None:
    return None if names is None else JOINT.join(names) or JOINT


class _Checks:
    """One tally for each thing that can be wrong with a cell."""

    def __init__(self, separator: str | None) -> None:
        self.separator = separator
        self.not_text, self.undecodable, self.nul, self.long = Tally(), Tally(), Tally(), Tally()
        self.not_label, self.bad_label, self.bad_split, self.bad_weight = Tally(), Tally(), Tally(), Tally()
        self.no_id, self.bad_id = Tally(), Tally()
        self.split_values: dict[str, None] = {}
        self.raw = bytearray()  # of undecodable cells, to guess their encoding

    def texts(self, cells: Iterable[object], start: int, broken: frozenset[int]) -> list[str]:
        return ["" if at in broken else self._text(cell, start + at + 1) for at, cell in enumerate(cells)]

    def _text(self, cell: object, row: int) -> str:
        try:
            text = as_text(cell)
        except CellError as error:
            self.not_text.add(row, str(error))
            return ""
        if len(text) > LONGEST:
            self.long.add(row, f"{len(text):,} letters")
        if "\0" in text:
            self.nul.add(row)
        self._decodable(text, row, self.undecodable)
        return text

    def _decodable(self, text: str, row: int, tally: Tally) -> bool:
        wrong = undecodable(text)
        if wrong is None:
            return True
        tally.add(row, wrong)
        if len(self.raw) < 1 << 16:
            self.raw += text[:4096].encode("utf-8", "surrogateescape" if wrong[0] == "b" else "replace")
        return False

    def label(self, cell: object, row: int) -> str | None:
        try:
            label = as_label(cell) if self.separator is None else _joined(as_labels(cell, self.separator))
        except CellError as error:
            self.not_label.add(row, str(error))
            return None
        if label is None or (self._decodable(label, row, self.bad_label) and "\0" not in label):
            return label
        if "\0" in label:
            self.bad_label.add(row, "NUL byte")
        return None

    def split(self, cell: object, row: int) -> str:
        try:
            value = as_text(cell).strip()
        except CellError as error:
            value = str(error)
        known = _SPLITS.get(value.lower())
        if known is None:
            self.bad_split.add(row)
            self.split_values[value] = None
        return known or ""

    def identifier(self, cell: object, row: int, broken: bool) -> str:
        try:
            identifier = as_identifier(cell)
        except CellError as error:
            self.bad_id.add(row, str(error))
            return f"\0{row}"
        if not identifier.strip():
            if not broken:
                self.no_id.add(row)
            return f"\0{row}"
        if "\0" in identifier:
            self.bad_id.add(row, "NUL byte")
        self._decodable(identifier, row, self.bad_id)
        return identifier

    def weight(self, cell: object, row: int) -> float:
        try:
            return as_weight(cell)
        except CellError as error:
            self.bad_weight.add(row, str(error))
            return 1.0

    def report(self, name: str, columns: Columns, problems: Problems) -> None:
        for tally, what, fix in (
            (
                self.not_text,
                f"text column {columns.text!r} holds no texts",
                "name a column of texts with --text",
            ),
            (
                self.not_label,
                f"label column {columns.label!r} holds no names",
                "give each row one class, as text or a number (fit --multi-label takes several)"
                if self.separator is None
                else "give each row a list of names, or names between separators",
            ),
            (
                self.bad_weight,
                "weights must be numbers from 0 up",
                "mend them, or leave the cell empty for 1",
            ),
            (self.bad_id, f"id column {columns.id!r} holds unusable ids", "use texts or numbers as ids"),
        ):
            if tally:
                problems.add(
                    f"{name}: {what} in {counted(tally.count, 'row')}: {tally.examples}.", fix=f"{fix}."
                )
        self._report_bytes(name, problems)
        if self.nul:
            problems.add(
                f"{name}: NUL bytes in the text of {self.nul.rows}.", fix="remove them: tr -d '\\000'."
            )
        if self.long:
            problems.add(
                f"{name}: texts longer than {LONGEST:,} letters: {self.long.examples}.",
                fix="cut them, or split them into several rows; often a quote is missing before.",
            )
        if self.no_id:
            problems.add(
                f"{name}: no id in {self.no_id.rows}.", fix="fill them in, or name another column with --id."
            )

    def report_split(self, name: str, columns: Columns, problems: Problems, notes: list[Note] | None) -> None:
        if not self.bad_split:
            return
        seen = listed(self.split_values, len(self.split_values))
        what = f"{name}: split column {columns.split!r} holds {seen} ({self.bad_split.rows})"
        if notes is not None:
            notes.append(Note("warning", f"{what}, taken as no split"))
            return
        problems.add(
            f"{what}.",
            fix="write train, val or test, leave it empty, or name another column with --split.",
        )

    def _report_bytes(self, name: str, problems: Problems) -> None:
        for tally, what in ((self.undecodable, "text"), (self.bad_label, "label")):
            if tally:
                problems.add(
                    f"{name}: the {what} of {counted(tally.count, 'row')} is not UTF-8: {tally.examples}.",
                    fix=f"{conversion(name, likely_encoding(bytes(self.raw)))}."
                    if self.raw
                    else "remove NUL bytes.",
                )
