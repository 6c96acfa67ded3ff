"""Writing rows as CSV, TSV, JSON Lines or Parquet, in the order they are given."""

import csv
import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from graphtune.artefact import written
from graphtune.errors import OutputError

ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")


def check_ending(path: str | Path | None) -> None:
    """Refuse a path that `write_rows` could not write, before any work is done for it.

    Raises:
        OutputError: its ending is none of ``ENDINGS``.
    """
    if path is not None and str(path) != "-" and Path(path).suffix.lower() not in ENDINGS:
        raise OutputError(
            f"{path} ends in {Path(path).suffix!r}, which says nothing about its format.",
            fix=f"use one of the endings {', '.join(ENDINGS)}.",
        )


def write_rows(path: str | Path | None, columns: Mapping[str, Sequence[object] | np.ndarray]) -> None:
    """Write columns of equal length; None or ``-`` is standard output, as CSV.

    Raises:
        OutputError: another ending than ``ENDINGS``, or a place that cannot be written to.
    """
    check_ending(path)
    if path is None or str(path) == "-":
        if isinstance(sys.stdout, io.TextIOWrapper):
            # Texts may hold letters that the terminal's own encoding lacks.
            sys.stdout.reconfigure(encoding="utf-8", errors="replace")
        _separated(cast(io.TextIOBase, sys.stdout), columns, ",")
        sys.stdout.flush()
        return
    target = Path(path)
    ending = target.suffix.lower()
    with written(target) as partial:
        if ending == ".parquet":
            _parquet(partial, columns)
            return
        with partial.open("w", encoding="utf-8", newline="") as stream:
            if ending == ".jsonl":
                _json_lines(stream, columns)
            else:
                _separated(stream, columns, "\t" if ending == ".tsv" else ",")


def _separated(
    stream: io.TextIOBase, columns: Mapping[str, Sequence[object] | np.ndarray], mark: str
) -> None:
    plain = csv.writer(stream, delimiter=mark, lineterminator="\n")
    # The csv module quotes no lone carriage return, and readers take it for the end of the line.
    quoted = csv.writer(stream, delimiter=mark, lineterminator="\n", quoting=csv.QUOTE_ALL)
    plain.writerow(columns)
    for row in _rows(columns):
        writer = quoted if any(isinstance(cell, str) and "\r" in cell for cell in row) else plain
        writer.writerow(row)


def _json_lines(stream: io.TextIOBase, columns: Mapping[str, Sequence[object] | np.ndarray]) -> None:
    names = list(columns)
    for row in _rows(columns):
        stream.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n")


def _parquet(path: Path, columns: Mapping[str, Sequence[object] | np.ndarray]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    arrays = {name: [_plain(cell) for cell in column] for name, column in columns.items()}
    parquet.write_table(pa.table(arrays), path, compression="zstd")


def _rows(columns: Mapping[str, Sequence[object] | np.ndarray]) -> Iterator[tuple[object, ...]]:
    return zip(*([_plain(cell) for cell in column] for column in columns.values()), strict=True)


def _plain(cell: object) -> object:
    if isinstance(cell, np.floating):
        # Through its own digits: a float32 would otherwise gain nine false ones.
        return float(str(cell))
    return cell.item() if isinstance(cell, np.generic) else cell
