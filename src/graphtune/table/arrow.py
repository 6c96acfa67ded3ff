"""Parquet, Arrow files and streams, directories saved by Hugging Face ``datasets``, and frames."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from graphtune.errors import TableError
from graphtune.table.reader import BATCH_ROWS, SAMPLE_ROWS, Batch

_SPLIT = "split"


@runtime_checkable
class ArrowStream(Protocol):
    """A frame of pandas, polars or anything else that speaks Arrow's C stream protocol."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand over a stream of record batches."""
        ...


class Arrow:
    """Record batches from one or several parts; a part may be a split of its own."""

    def __init__(self, name: str, parts: "Sequence[Part]", class_names: dict[str, list[str]]) -> None:
        self.name = name
        self.remarks: tuple[str, ...] = ()
        self._parts = parts
        self._class_names = class_names
        own = [column for column in parts[0].schema.names if not column.startswith("__index_level_")]
        # The keys of a DatasetDict say what a row is for; they stand in for a column.
        self._keyed = any(part.split for part in parts)
        self.names = tuple([c for c in own if c != _SPLIT] + [_SPLIT]) if self._keyed else tuple(own)

    def sample(self) -> dict[str, list[object]]:
        """Return the first rows of every column."""
        for part in self._parts:
            for batch in part.again(list(self._real(self.names))):
                return self._cells(batch.slice(0, SAMPLE_ROWS), self.names, part.split)
        return {name: [] for name in self.names}

    def batches(self, wanted: Sequence[str]) -> Iterator[Batch]:
        """Yield all rows once."""
        for part in self._parts:
            for batch in part.again(list(self._real(wanted))):
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    piece = batch.slice(start, BATCH_ROWS)
                    yield Batch(self._cells(piece, wanted, part.split), piece.num_rows)

    def close(self) -> None:
        """Do nothing: every part closes after itself."""

    def _real(self, wanted: Sequence[str]) -> Iterator[str]:
        return (name for name in wanted if not (self._keyed and name == _SPLIT))

    def _cells(self, batch: Any, wanted: Sequence[str], split: str) -> dict[str, list[object]]:
        cells: dict[str, list[object]] = {}
        for name in wanted:
            if self._keyed and name == _SPLIT:
                cells[name] = [split] * batch.num_rows
            else:
                cells[name] = self._named(name, _listed(batch.column(name)))
        return cells

    def _named(self, column: str, values: list[object]) -> list[object]:
        names = self._class_names.get(column)
        if names is None:
            return values
        # Datasets write -1 where a label is withheld.
        return [_name_of(names, value) if isinstance(value, int) else value for value in values]


def _name_of(names: Sequence[str], value: int) -> object:
    if value == -1:
        return None
    return names[value] if 0 <= value < len(names) else value


@dataclass(frozen=True)
class Part:
    """Record batches that can be read more than once, all of one split if it names one."""

    schema: Any
    read: Callable[[list[str]], Iterator[Any]]
    split: str = ""

    def again(self, columns: list[str]) -> Iterator[Any]:
        """Yield record batches with these columns."""
        return self.read(columns)


def from_frame(frame: ArrowStream, name: str) -> Arrow:
    """Read a frame of pandas, polars, pyarrow and the like.

    Raises:
        TableError: a column mixes types that Arrow cannot hold together.
    """
    try:
        table = pa.RecordBatchReader.from_stream(frame).read_all()
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise TableError(
            f"{name} cannot be read: {error}",
            fix="give each column one type, for instance with frame[column].astype(str).",
        ) from None
    return _reader(name, [Part(table.schema, lambda columns: iter(table.select(columns).to_batches()))])


def from_parquet(path: Path) -> Arrow:
    """Read a Parquet file.

    Raises:
        TableError: it is damaged or no Parquet file.
    """
    from pyarrow import parquet

    def read(columns: list[str]) -> Iterator[Any]:
        with _explained(path), parquet.ParquetFile(path) as file:
            yield from file.iter_batches(BATCH_ROWS, columns=columns)

    with _explained(path):
        return _reader(str(path), [Part(parquet.read_schema(path), read)])


def from_ipc(path: Path) -> Arrow:
    """Read an Arrow file or stream.

    Raises:
        TableError: it is damaged or neither.
    """
    return _reader(str(path), [_ipc_part(path)])


def from_directory(path: Path) -> Arrow:
    """Read what ``save_to_disk`` of Hugging Face ``datasets`` wrote: a Dataset or a DatasetDict.

    Raises:
        TableError: a file of it is missing or damaged.
    """
    if (path / "dataset_dict.json").is_file():
        keys = _json(path / "dataset_dict.json").get("splits", [])
        return _reader(str(path), [part for key in keys for part in _dataset(path / key, key)])
    return _reader(str(path), _dataset(path))


def is_saved_dataset(path: Path) -> bool:
    """Say whether ``save_to_disk`` wrote this directory."""
    return (path / "dataset_dict.json").is_file() or (path / "state.json").is_file()


def _dataset(path: Path, split: str = "") -> list[Part]:
    state = _json(path / "state.json")
    if state.get("_indices_data_files"):
        raise TableError(
            f"{path} keeps a selection of rows apart from the rows.",
            fix="call flatten_indices() on the dataset before saving it.",
        )
    names = [file["filename"] for file in state.get("_data_files", [])]
    if not names:
        raise TableError(f"{path} names no data files.", fix="save the dataset anew.")
    parts = [_ipc_part(path / name, split) for name in names]
    info = path / "dataset_info.json"
    if info.is_file():
        # Datasets keep the features here; in the files' own metadata they may be missing.
        features = json.dumps({"info": {"features": _json(info).get("features")}}).encode()
        parts = [
            replace(part, schema=part.schema.with_metadata({b"huggingface": features})) for part in parts
        ]
    return parts


def _ipc_part(path: Path, split: str = "") -> Part:
    def read(columns: list[str]) -> Iterator[Any]:
        with _explained(path), pa.memory_map(str(path)) as source:
            if source.read(6) == b"ARROW1":
                file = pa.ipc.open_file(source)
                for number in range(file.num_record_batches):
                    yield file.get_batch(number).select(columns)
            else:
                source.seek(0)
                for batch in pa.ipc.open_stream(source):
                    yield batch.select(columns)

    with _explained(path), pa.memory_map(str(path)) as source:
        is_file = source.read(6) == b"ARROW1"
        source.seek(0)
        schema = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(source).schema
    return Part(schema, read, split)


def _reader(name: str, parts: list[Part]) -> Arrow:
    first = parts[0].schema.names
    for part in parts:
        if part.schema.names != first:
            raise TableError(
                f"{name}: its parts have different columns: {first} and {part.schema.names}.",
                fix="give every split the same columns.",
            )
    return Arrow(name, parts, _class_names(parts[0].schema))


def _class_names(schema: Any) -> dict[str, list[str]]:
    """Return the names behind the integers of each ``ClassLabel`` column."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"].items()
        return {name: feature["names"] for name, feature in features if feature.get("_type") == "ClassLabel"}
    except (KeyError, ValueError, AttributeError, TypeError):
        return {}


def _listed(column: Any) -> list[object]:
    try:
        return column.to_pylist()
    except UnicodeDecodeError:
        # Bad bytes are reported with their rows further on, as those of a CSV file are.
        raw = column.cast(pa.large_binary()).to_pylist()
        return [None if value is None else value.decode("utf-8", "surrogateescape") for value in raw]


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TableError(f"{path} cannot be read: {error}.", fix="save the dataset anew.") from None


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise TableError(f"{path} does not exist.", fix="check the path, or save the data anew.") from None
    except (pa.ArrowException, OSError) as error:
        raise TableError(
            f"{path} is damaged, or in another format than it seems: {error}.", fix="save or copy it anew."
        ) from None
