"""Choosing the reader: by the file's ending, unless its first bytes say otherwise."""

import io
from contextlib import ExitStack
from pathlib import Path

from graphtune.errors import TableError
from graphtune.table.arrow import (
    ArrowStream,
    from_directory,
    from_frame,
    from_ipc,
    from_parquet,
    is_saved_dataset,
)
from graphtune.table.bytes_in import STANDARD_INPUT, opened, start_of
from graphtune.table.delimited import Delimited, delimiter_of
from graphtune.table.encoding import UTF16_MARKS, conversion
from graphtune.table.json_lines import JsonLines
from graphtune.table.problems import Problems
from graphtune.table.reader import Reader

Source = str | Path | ArrowStream
FORMATS = ".csv, .tsv, .jsonl (also gzipped), .parquet, .arrow, or a directory saved by Hugging Face datasets"

_TABBED = {".tsv", ".tab"}
_JSON = {".jsonl", ".ndjson", ".json"}
_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def open_table(source: Source, problems: Problems) -> Reader | None:
    """Open a table; None if it has not a single byte.

    Raises:
        TableError: there is nothing at ``source`` that could be a table.
    """
    if isinstance(source, ArrowStream):
        return from_frame(source, name_of(source))
    path, name = Path(source), name_of(source)
    if path.is_dir() and is_saved_dataset(path):
        return from_directory(path)
    with ExitStack() as closing:
        stream = closing.enter_context(opened(source))
        start = start_of(stream, name)
        if start.startswith(b"PAR1") and path.is_file():
            return from_parquet(path)
        if start.startswith((b"ARROW1", b"\xff\xff\xff\xff")) and path.is_file():
            return from_ipc(path)
        if not start.lstrip(b"\xef\xbb\xbf").strip():
            return None
        _check_text(start, name, path)
        reader = _text_reader(stream, start, name, _ending(path), problems)
        closing.pop_all()  # the reader closes the stream now
    return reader


def name_of(source: Source) -> str:
    """Return what messages call a source."""
    if isinstance(source, str | Path):
        return "standard input" if str(source) == STANDARD_INPUT else str(source)
    return "the frame"


def _text_reader(
    stream: io.BufferedReader, start: bytes, name: str, ending: str, problems: Problems
) -> Reader:
    looks_json = start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    if ending in _JSON or (looks_json and ending not in {".csv", *_TABBED}):
        return JsonLines(stream, name, problems)
    delimiter = "\t" if ending in _TABBED else delimiter_of(start)
    reader = Delimited(stream, name, delimiter, problems)
    if ending not in _TABBED and delimiter != ",":
        reader.remarks = (f"{name}: the separator is {delimiter!r}, seen in the first line",)
    return reader


def _ending(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return ([suffix for suffix in suffixes if suffix != ".gz"] or [""])[-1]


def _check_text(start: bytes, name: str, path: Path) -> None:
    if start.startswith(UTF16_MARKS):
        raise TableError(f"{name} is not UTF-8.", fix=conversion(name, "UTF-16") + ".")
    if start.startswith(_SPREADSHEETS):
        raise TableError(
            f"{name} is a spreadsheet or an archive, not a table of text.",
            fix="save the sheet as CSV (UTF-8), or unpack the archive.",
        )
    if _ending(path) in {".parquet", ".pq", ".arrow", ".ipc", ".feather"}:
        raise TableError(
            f"{name} does not begin as a {_ending(path)} file does.",
            fix=f"save it anew, or give it the ending of what it is: {FORMATS}.",
        )
