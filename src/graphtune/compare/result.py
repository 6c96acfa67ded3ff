"""What a comparison says; ``results.json`` is its written form."""

from dataclasses import dataclass
from typing import Any

from graphtune.metric import Interval


@dataclass(frozen=True)
class Row:
    """One method with one label count, over its seeds."""

    method: str
    family: str
    said: str  # how it works
    labels: int | None  # a class; None = all
    seeds: int  # that were run
    accuracy: Interval | None = None  # 0 … 1; 95 % over seeds and rows; None where nothing was run
    macro_f1: Interval | None = None
    ece: Interval | None = None
    train_seconds: float | None = None  # median over trainings that ran alone
    peak_bytes: int | None = None  # largest
    learned: int | None = None  # median, as all below
    parameters: int | None = None
    size_bytes: int | None = None
    latency_ms: float | None = None
    best_epochs: float | None = None  # of a network, up to its best validation score; None: no rows chose
    best_seconds: float | None = None  # that these took, over trainings that ran alone
    difference: Interval | None = None  # points against the best baseline; None for that itself
    p_value: float | None = None  # that there is no difference, adjusted for the number of methods (Holm)
    on_front: bool = False  # no other method is both as accurate and as fast
    chosen: tuple[str, ...] = ()  # settings that were chosen, by seed
    versions: tuple[tuple[str, str], ...] = ()
    note: str = ""

    @property
    def share(self) -> float:
        """Its accuracy, 0 … 1; 0 where nothing was run."""
        return self.accuracy.value if self.accuracy else 0.0


@dataclass(frozen=True)
class GraphGain:
    """What the graph is worth with one label count."""

    labels: int | None
    points: Interval  # accuracy of fit with graphs, less that without
    with_graph: float  # accuracy, 0 … 1
    without: float


@dataclass(frozen=True)
class Homophily:
    """How often a graph joins equal labels, on labelled training rows."""

    labels: int | None
    graph: str
    edges: int
    share: float | None  # 0 … 1
    expected: float | None  # at random


@dataclass(frozen=True)
class Comparison:
    """Everything a report says."""

    protocol: str
    encoder: str
    rows: dict[str, int]  # of the table: train, val, and those test rows that judge
    classes: int
    counts: tuple[int | None, ...]  # labels a class
    labelled: dict[str, int]  # labelled training rows by count, such as "5" or "all"
    seeds: tuple[int, ...]
    limit_seconds: float  # for one training
    threads: int
    encode_seconds: float | None  # None: all was in the cache
    encoded: int  # texts
    table: tuple[Row, ...]
    best_baseline: dict[str, str]  # by count
    gains: tuple[GraphGain, ...]
    homophily: tuple[Homophily, ...]
    verdict: tuple[str, ...]
    notes: tuple[str, ...]
    missing: str  # what the budget had no time for, and what would do; empty where all was run
    versions: dict[str, str]
    hardware: dict[str, Any]

    @property
    def tells_best(self) -> bool:
        """Whether any row says what its network took up to its best validation score."""
        return any(row.best_epochs is not None for row in self.table)

    def said(self, labels: int | None) -> str:
        """Return such as ``5 labels a class`` or ``all 385 labels``."""
        return count_said(labels, self.labelled[key(labels)])

    def of(self, labels: int | None) -> tuple[Row, ...]:
        """Return the rows of one label count, most accurate first; those without a figure last."""
        own = [row for row in self.table if row.labels == labels]
        return tuple(sorted(own, key=lambda row: -row.accuracy.value if row.accuracy else 1.0))


def key(labels: int | None) -> str:
    """Return what a label count is called in JSON."""
    return "all" if labels is None else str(labels)


def count_said(labels: int | None, labelled: int) -> str:
    """Return such as ``5 labels a class``, or ``all 385 labels``; ``labelled`` = the labelled rows."""
    if labels is None:
        return f"all {labelled:,} labels"
    return "1 label a class" if labels == 1 else f"{labels} labels a class"
