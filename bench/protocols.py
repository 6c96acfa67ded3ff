"""The tables that benchmarks read, with only those labels a protocol leaves."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphtune.table import Links, Table, from_lists

BUNDLED = Path(__file__).parents[1] / "src/graphtune/cli/banking77/banking77.parquet"
_PARTS = ("train", "val", "test")
_SMOKE_CLASSES = 6  # so that few rows are still enough for every class


@dataclass(frozen=True)
class Protocol:
    """Which rows of a data set have a label, and which part a row belongs to."""

    dataset: str  # a Parquet file, or a folder with nodes and edges
    flagged: str | None = None  # a column that is true for the labelled training rows
    per_class: int | None = None  # labelled training rows a class, drawn by the seed
    split: str = "split"  # rows of a part other than train, val, test are unlabelled training rows
    keep_rare: bool = False  # whether a class with one labelled training row stays, though nothing checks it

    @property
    def said(self) -> str:
        """Say which training rows have a label."""
        if self.flagged is not None:
            return f"the training rows flagged {self.flagged}; the other training rows unlabelled"
        if self.per_class is not None:
            return f"{self.per_class} training rows a class; the other training rows unlabelled"
        rest = "" if self.split == "split" else f" of the column {self.split}; all other rows unlabelled"
        return f"all training rows{rest}"


class AbsentDataError(Exception):
    """A data set is not there."""


def data_root() -> Path:
    """Return the folder that GRAPHTUNE_DATA names, else the one beside the checkout."""
    beside = Path(__file__).parents[2] / "shared/data"
    return Path(os.environ.get("GRAPHTUNE_DATA", beside))


def encoder_directory(name: str) -> Path:
    """Return a folder of GRAPHTUNE_ENCODERS, else of the one beside the checkout.

    Raises:
        AbsentDataError: it is not there.
    """
    beside = Path(__file__).parents[2] / "shared/encoders"
    place = Path(os.environ.get("GRAPHTUNE_ENCODERS", beside)) / name
    if not place.is_dir():
        raise AbsentDataError(f"{name} is not in {place.parent}; set GRAPHTUNE_ENCODERS.")
    return place


def read(protocol: Protocol, seed: int, smoke_rows: int | None = None) -> tuple[Table, Links | None]:
    """Return the table and, where the data set has them, its links.

    ``smoke_rows`` keeps so many training rows of a few classes, and half as many val and test rows.

    Raises:
        AbsentDataError: the data set is not there.
    """
    import pyarrow.parquet as pq

    folder = data_root() / protocol.dataset
    path = folder / "nodes.parquet" if folder.is_dir() else folder.with_suffix(".parquet")
    if not path.is_file():
        raise AbsentDataError(f"{path.relative_to(data_root())} is not in {data_root()}; set GRAPHTUNE_DATA.")
    columns = pq.read_table(path).to_pydict()
    labels, parts = np.array(columns["label"], object), np.array(columns[protocol.split], object)
    given = np.isin(parts, _PARTS)
    parts[~given] = "train"
    unknown = ~given | _unlabelled(protocol, columns, labels, parts, given, seed)
    keep = np.arange(len(labels)) if smoke_rows is None else _few(labels, parts, unknown, smoke_rows)
    table = from_lists(
        [columns["text"][at] for at in keep],
        [None if unknown[at] else labels[at] for at in keep],
        [str(columns["id"][at]) for at in keep],
        list(parts[keep]),
        keep_rare=protocol.keep_rare,
    )
    return table, _links(folder / "edges.parquet", frozenset(table.ids)) if folder.is_dir() else None


def drawn(labels: Sequence[str], rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return ``count`` of ``rows`` for each class, in order; a class with fewer gives all it has."""
    random = np.random.default_rng(seed)
    names = np.array(labels, object)[rows]
    chosen = [random.permutation(rows[names == name])[:count] for name in sorted(set(names))]
    return np.sort(np.concatenate(chosen))


def labelled(table: Table, part: str) -> np.ndarray:
    """Return the labelled rows of a part."""
    return np.flatnonzero((np.array(table.split) == part) & (table.labels >= 0))


def _unlabelled(
    protocol: Protocol,
    columns: dict[str, list],
    labels: np.ndarray,
    parts: np.ndarray,
    given: np.ndarray,
    seed: int,
) -> np.ndarray:
    train = (parts == "train") & given
    if protocol.flagged is not None:
        return train & ~np.array(columns[protocol.flagged], bool)
    if protocol.per_class is not None:
        chosen = drawn(list(labels), np.flatnonzero(train), protocol.per_class, seed)
        return train & ~np.isin(np.arange(len(labels)), chosen)
    return np.zeros(len(labels), bool)


def _few(labels: np.ndarray, parts: np.ndarray, unknown: np.ndarray, rows: int) -> np.ndarray:
    random = np.random.default_rng(0)
    classes = sorted(set(labels[~unknown & (parts == "train")]))[:_SMOKE_CLASSES]
    kept = []
    for part in _PARTS:
        able = random.permutation(np.flatnonzero((parts == part) & np.isin(labels, classes)))
        able = able[np.argsort(unknown[able], kind="stable")]  # the labelled ones first
        kept.append(able[: rows if part == "train" else rows // 2])
    return np.sort(np.concatenate(kept))


def _links(path: Path, known: frozenset[str]) -> Links:
    import pyarrow.parquet as pq

    edges = pq.read_table(path).to_pydict()
    pairs = zip(map(str, edges["source"]), map(str, edges["target"]), strict=True)
    within = [(a, b) for a, b in pairs if a in known and b in known]
    return Links(tuple(a for a, _ in within), tuple(b for _, b in within))
