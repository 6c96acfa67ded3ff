"""Reading the user's tables: one to fit, predict, evaluate or check, with files appended to it."""

from collections.abc import Sequence

from graphtune.errors import TableError
from graphtune.table.columns import Columns, choose
from graphtune.table.gather import Gathered, gather
from graphtune.table.judge import Purpose, judge
from graphtune.table.opening import Source, name_of, open_table
from graphtune.table.problems import Problems, counted
from graphtune.table.table import Note, Table

_ALL = frozenset({"text", "label", "split", "id", "weight"})
_READS = {
    "fit": _ALL,
    "check": _ALL,
    "evaluate": _ALL,
    "compress": _ALL,
    "predict": frozenset({"text", "id"}),
    "pretrain": frozenset({"text", "id", "split"}),
    "unlabelled": frozenset({"text", "id", "weight"}),
    "test": frozenset({"text", "label", "id", "weight"}),
}


def read_table(
    source: Source,
    columns: Columns | None = None,
    *,
    purpose: Purpose,
    keep_rare: bool = False,
    separator: str | None = None,
) -> Table:
    """Read one table: a path, ``-`` for standard input, or a frame of pandas or polars.

    Empty labels become -1, splits "train", "val", "test" or "", absent ids the row numbers from "0".
    A class with one training row is wrong unless ``keep_rare``. With a ``separator`` a text may have several
    labels: a cell is a list of them, or text in which it stands between them.

    Raises:
        TableError: with everything that is wrong with it.
    """
    return read_tables(source, columns, purpose=purpose, keep_rare=keep_rare, separator=separator)


def read_tables(
    source: Source,
    columns: Columns | None = None,
    *,
    purpose: Purpose,
    unlabelled: Sequence[Source] = (),
    test: Source | None = None,
    keep_rare: bool = False,
    separator: str | None = None,
) -> Table:
    """Read a table as `read_table`; append unlabelled files (split "train") and a test file (split "test").

    With a test file, rows of the table that name no split are "train". Absent ids of appended rows are their
    row numbers after the file's name, such as "more:0".

    Raises:
        TableError: with everything that is wrong with any of them.
    """
    given = columns or Columns()
    problems, notes = Problems(), list[Note]()
    files: list[Gathered] = []
    first = _read(source, given, purpose, purpose, problems, notes, separator)
    for more in unlabelled:
        rows = _read(more, given, "unlabelled", purpose, problems, notes, separator)
        rows.splits = ["train"] * len(rows)
        files.append(rows)
    if test is not None:
        rows = _read(test, given, "test", purpose, problems, notes, separator)
        _mark_test(first, rows, notes)
        files.append(rows)
    several = separator is not None
    table = judge([first, *files], purpose, problems, notes, keep_rare=keep_rare, several=several)
    problems.raise_all()
    return table


def _mark_test(first: Gathered, test: Gathered, notes: list[Note]) -> None:
    own = first.splits.count("test")
    if own:
        text = f"{counted(own, 'row')} of it are test rows too; figures are for both"
        notes.append(Note("warning", f"{first.name}: {text}"))
    first.splits = [part or "train" for part in first.splits]
    test.splits = ["test"] * len(test)


def _read(
    source: Source,
    given: Columns,
    part: str,
    purpose: Purpose,
    problems: Problems,
    notes: list[Note],
    separator: str | None,
) -> Gathered:
    name = name_of(source)
    try:
        reader = open_table(source, problems)
        if reader is None:
            return _empty(name, purpose, problems, "is empty")
        try:
            notes += [Note("guess", remark) for remark in reader.remarks]
            needs = frozenset(
                {"text"} if part in ("predict", "pretrain", "compress", "unlabelled") else {"text", "label"}
            )
            chosen, guesses = choose(given, reader, problems, needs=needs, reads=_READS[part])
            notes += guesses
            # Figures need no split, so that another meaning of such a column does no harm there.
            remarks = notes if purpose in ("evaluate", "compress") else None
            rows = gather(reader, chosen, problems, remarks, separator=separator)
        finally:
            reader.close()
    except TableError as error:
        problems.add(error.problem, fix=error.fix)
        return Gathered(name)
    if not len(rows):
        return _empty(rows.name, purpose, problems, "has no rows below its header")
    if any(getattr(chosen, column) is None for column in needs):
        # The missing column was reported; that no text and no label was found in it follows from that.
        rows.broken = set(range(len(rows)))
    return rows


def _empty(name: str, purpose: Purpose, problems: Problems, what: str) -> Gathered:
    if purpose != "predict":
        problems.add(f"{name} {what}.", fix="give a table with at least a few rows of text.")
    return Gathered(name)
