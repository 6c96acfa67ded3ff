"""The rows a saved model is asked about."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphtune.run.saved import FittedModel
    from graphtune.table import Columns, Links, Purpose, Table
    from graphtune.table.reader import Reader


def read_rows(
    source: str,
    *,
    purpose: "Purpose",
    remembered: str | None,
    text: str | None,
    label: str | None = None,
    id_: str | None = None,
    split: str | None = None,
    separator: str | None = None,
) -> "Table":
    """Read a table; a text column that is not named is the one the model was fitted on, if that is there.

    ``separator`` stands between the labels of a text, where it may have several.

    Raises:
        TableError: with everything that is wrong with the table.
    """
    from graphtune.table import Columns, read_table

    if text is None and remembered is not None and remembered in _names(source):
        text = remembered
    columns = Columns(text=text, label=label, split=split, id=id_)
    return read_table(source, columns, purpose=purpose, separator=separator)


def read_edges(file: str | None, table: "Table", model: "FittedModel") -> "Links | None":
    """Read links of new rows, to each other and to rows the model was fitted on; None without a file.

    Raises:
        TableError: with everything that is wrong with the file, such as ids of neither; or an id is that of a
            new row and of a stored one with another text.
    """
    from graphtune.progress import say
    from graphtune.table import check_clash, read_links

    if file is None:
        return None
    if not model.candidate.graphs:
        say("warning: this model was saved without a graph: the edges change nothing.")
        return read_links(file, purpose="predict")
    stored = model.stored
    links = read_links(file, frozenset((*table.ids, *stored.ids)), purpose="predict")
    check_clash(links, "standard input" if file == "-" else file, table, stored.ids, stored.texts)
    return links


def say_notes(table: "Table") -> None:
    """Write guesses and warnings about a table to standard error."""
    from graphtune.progress import say

    for note in table.notes:
        say(f"{note.kind}: {note.text}")


def text_column(source: str, columns: "Columns") -> str | None:
    """Return the text column of a table that has been read: as named, else as it was guessed.

    Standard input is gone when it has been read: None, unless the column was named.
    """
    from graphtune.table.columns import choose
    from graphtune.table.problems import Problems

    if columns.text is not None or source == "-":
        return columns.text
    with _opened(source) as reader:
        if reader is None:
            return None
        both, every = frozenset({"text", "label"}), frozenset({"text", "label", "split", "id"})
        return choose(columns, reader, Problems(), needs=both, reads=every)[0].text


def _names(source: str) -> tuple[str, ...]:
    """Return the names of the columns; none of what can be read once only, such as standard input."""
    with _opened(source) as reader:
        return () if reader is None else tuple(reader.names)


@contextmanager
def _opened(source: str) -> "Iterator[Reader | None]":
    from graphtune.errors import TableError
    from graphtune.table.opening import open_table
    from graphtune.table.problems import Problems

    reader = None
    # What is wrong with a table is told when its rows are read.
    with suppress(TableError):
        if Path(source).is_file() or Path(source).is_dir():
            reader = open_table(source, Problems())
    try:
        yield reader
    finally:
        if reader is not None:
            reader.close()
