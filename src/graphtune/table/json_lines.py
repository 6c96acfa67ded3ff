"""JSON Lines, or one JSON array of objects, with the line of whatever cannot be read."""

import io
import json
from collections.abc import Iterator, Sequence
from itertools import islice

from graphtune.errors import TableError
from graphtune.table.bytes_in import BROKEN_GZIP, broken_gzip
from graphtune.table.problems import Problems, Tally, counted
from graphtune.table.reader import BATCH_ROWS, Batch

# Keys may be absent from any row, so that more rows are looked at than in other formats.
_SAMPLE_ROWS = 20_000


class JsonLines:
    """One object a line; its keys are the columns, and a row may lack some."""

    def __init__(self, stream: io.BufferedReader, name: str, problems: Problems) -> None:
        self.name = name
        self.remarks: tuple[str, ...] = ()
        self._problems = problems
        self._text = io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape")
        self._broken = Tally()
        self._rows = self._objects()
        self._ahead = list(islice(self._rows, _SAMPLE_ROWS))
        self.names = tuple(dict.fromkeys(key for row in self._ahead if row for key in row))

    def sample(self) -> dict[str, list[object]]:
        """Return the first rows of every column."""
        return {name: [row.get(name) if row else None for row in self._ahead] for name in self.names}

    def batches(self, wanted: Sequence[str]) -> Iterator[Batch]:
        """Yield all rows once, then report the lines that could not be read."""
        rows = self._ahead
        while rows:
            broken = frozenset(at for at, row in enumerate(rows) if row is None)
            columns = {name: [row.get(name) if row else None for row in rows] for name in wanted}
            yield Batch(columns, len(rows), broken)
            rows = list(islice(self._rows, BATCH_ROWS))
        if self._broken:
            self._problems.add(
                f"{self.name}: {counted(self._broken.count, 'row is', 'rows are')} no JSON object: "
                f"{self._broken.examples}.",
                fix='write one JSON object a line, such as {"text": "…", "label": "…"}.',
            )

    def close(self) -> None:
        """Close the file."""
        self._text.close()

    def _objects(self) -> Iterator[dict[str, object] | None]:
        try:
            lines = ((number, line) for number, line in enumerate(self._text, 1) if not line.isspace())
            first = next(lines, None)
            if first is None:
                return
            if first[1].lstrip().startswith("["):
                yield from self._array(first, lines)
                return
            yield self._object(1, *first)
            for row, (number, line) in enumerate(lines, 2):
                yield self._object(row, number, line)
        except BROKEN_GZIP as error:
            raise broken_gzip(self.name, error) from None

    def _object(self, row: int, number: int, line: str) -> dict[str, object] | None:
        try:
            value = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            what = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            column = f", column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            self._broken.add(row, f"line {number}{column}, {what}")
            return None
        if not isinstance(value, dict):
            self._broken.add(row, f"line {number} holds a {type(value).__name__}")
            return None
        return value

    def _array(
        self, first: tuple[int, str], lines: Iterator[tuple[int, str]]
    ) -> Iterator[dict[str, object] | None]:
        before = "\n" * (first[0] - 1)
        try:
            rows = json.loads(before + first[1] + self._text.read())
        except (json.JSONDecodeError, RecursionError) as error:
            raise TableError(
                f"{self.name} starts like a JSON array but is none: {error}.",
                fix="mend it, or write one JSON object a line.",
            ) from None
        for row, value in enumerate(rows, 1):
            if not isinstance(value, dict):
                self._broken.add(row, f"a {type(value).__name__}")
            yield value if isinstance(value, dict) else None
