"""CSV and TSV, with the row and line of whatever cannot be read."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from graphtune.errors import TableError
from graphtune.table.bytes_in import BROKEN_GZIP, broken_gzip
from graphtune.table.cell import undecodable
from graphtune.table.encoding import conversion, likely_encoding
from graphtune.table.problems import Problems, Tally, counted
from graphtune.table.reader import BATCH_ROWS, SAMPLE_ROWS, Batch

_NO_LIMIT = 2**31 - 1


class Delimited:
    """Rows of separated fields, the first of which names the columns."""

    def __init__(self, stream: io.BufferedReader, name: str, delimiter: str, problems: Problems) -> None:
        self.name = name
        self.remarks: tuple[str, ...] = ()
        self._problems = problems
        self._text = io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="")
        # Strict: a stray quote is an error with its line, not a text that swallows the rows after it.
        self._rows = csv.reader(self._text, delimiter=delimiter, strict=True)
        self._ragged, self._malformed = Tally(), Tally()
        self._row = 0
        self.names = self._header()
        self._ahead = [row for _, row in zip(range(SAMPLE_ROWS), self._checked(), strict=False)]

    def sample(self) -> dict[str, list[object]]:
        """Return the first rows of every column."""
        return dict(zip(self.names, self._turned(self._ahead, self.names), strict=True))

    def batches(self, wanted: Sequence[str]) -> Iterator[Batch]:
        """Yield all rows once, then report the rows that could not be read."""
        rows = self._ahead
        while rows:
            broken = frozenset(at for at, row in enumerate(rows) if not row)
            yield Batch(dict(zip(wanted, self._turned(rows, wanted), strict=True)), len(rows), broken)
            rows = [row for _, row in zip(range(BATCH_ROWS), self._checked(), strict=False)]
        self._report()

    def close(self) -> None:
        """Close the file."""
        self._text.close()

    def _header(self) -> tuple[str, ...]:
        try:
            with _long_fields():
                header = next((row for row in self._rows if row), [])
        except csv.Error as error:
            raise TableError(
                f"{self.name}: line {self._rows.line_num}: the header cannot be read: {error}.",
                fix="put column names in the first line.",
            ) from None
        except BROKEN_GZIP as error:
            raise broken_gzip(self.name, error) from None
        for name in header:
            wrong = undecodable(name)
            if wrong is not None:
                raw = ",".join(header).encode("utf-8", "surrogateescape")
                raise TableError(
                    f"{self.name}: the header is not UTF-8: {wrong}.",
                    fix=f"{conversion(self.name, likely_encoding(raw))}.",
                )
        return tuple(name.strip() for name in header)

    def _checked(self) -> Iterator[list[str]]:
        """Yield rows as wide as the header; an empty list for one that cannot be read."""
        while True:
            first_line = self._rows.line_num + 1
            try:
                with _long_fields():
                    row = next(self._rows)
            except StopIteration:
                return
            except csv.Error as error:
                self._row += 1
                self._malformed.add(self._row, f"line {first_line}, {_explained(str(error))}")
                yield []
                continue
            except BROKEN_GZIP as error:
                raise broken_gzip(self.name, error) from None
            if not row:
                continue
            self._row += 1
            if len(row) == len(self.names):
                yield row
            else:
                self._ragged.add(self._row, f"line {first_line}, {counted(len(row), 'field')}")
                yield []

    def _turned(self, rows: list[list[str]], wanted: Sequence[str]) -> list[list[object]]:
        places = [self.names.index(name) for name in wanted]
        return [[row[place] if row else None for row in rows] for place in places]

    def _report(self) -> None:
        if self._ragged:
            self._problems.add(
                f"{self.name}: {counted(self._ragged.count, 'row does', 'rows do')} not have the header's "
                f"{counted(len(self.names), 'field')}: {self._ragged.examples}.",
                fix='put a text that holds the separator inside double quotes: "a, b".',
            )
        if self._malformed:
            self._problems.add(
                f"{self.name}: {counted(self._malformed.count, 'row has', 'rows have')} broken quoting: "
                f"{self._malformed.examples}.",
                fix='close every quote, and double those inside a quoted text: "she said ""yes""".',
            )


def delimiter_of(start: bytes) -> str:
    """Return the separator that a header most likely uses: comma unless it has only others."""
    header = start.lstrip(b"\xef\xbb\xbf").split(b"\n", 1)[0]
    if b"," in header:
        return ","
    return next((mark for mark in ("\t", ";") if mark.encode() in header), ",")


@contextmanager
def _long_fields() -> Iterator[None]:
    # The csv module's limit belongs to the whole process: it is lifted only while a row is read.
    before = csv.field_size_limit(_NO_LIMIT)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _explained(error: str) -> str:
    return "a quote that is never closed" if error == "unexpected end of data" else error
