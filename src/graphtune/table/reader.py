"""What every format's reader offers, and the notes on a row that could not be read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

BATCH_ROWS = 4096
SAMPLE_ROWS = 1000  # rows looked at to guess columns


@dataclass(frozen=True)
class Batch:
    """Some rows, as one list of cells for each wanted column."""

    columns: dict[str, list[object]]
    rows: int
    broken: frozenset[int] = frozenset()  # positions of rows that were reported and mean nothing


@runtime_checkable
class Reader(Protocol):
    """One opened table: looked at first, then streamed once."""

    name: str  # as messages call it
    names: tuple[str, ...]  # its columns
    remarks: tuple[str, ...]  # what was guessed about its format

    def sample(self) -> dict[str, list[object]]:
        """Return the first rows of every column; they are streamed again by `batches`."""
        ...

    def batches(self, wanted: Sequence[str]) -> Iterator[Batch]:
        """Yield all rows once, with the ``wanted`` columns only."""
        ...

    def close(self) -> None:
        """Close what was opened."""
        ...
