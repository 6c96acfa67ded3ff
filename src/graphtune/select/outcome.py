"""What a fit says of itself; ``metrics.json`` is its written form."""

from dataclasses import dataclass
from typing import Final, Literal

Family = Literal["graph-free", "graph", "network"]

# What the note of a candidate begins with that was not judged by every row.
GIVEN_UP: Final = "given up"  # clearly behind
LEFT_OUT: Final = "left out"  # for want of time
TOO_LARGE: Final = "too large"  # for the table: it would take gibibytes, or very long
NOT_FINAL: Final = "not among the best"  # of the first part: the others judged the best only


@dataclass(frozen=True)
class Scored:
    """One candidate on held-out rows of the training part."""

    name: str
    family: Family
    accuracy: float  # mean over held-out rows, 0 … 1
    standard_error: float
    likelihood: float  # mean negative log-likelihood after calibration, nats
    folds: int  # folds that were run
    seconds: float
    note: str = ""  # why it was stopped or left out
    members: tuple[str, ...] = ()  # of a mean: the names of what it averages


@dataclass(frozen=True)
class Figures:
    """Of one predictor on one set of rows."""

    rows: int
    accuracy: float
    accuracy_low: float  # 95 % bootstrap interval
    accuracy_high: float
    macro_f1: float
    ece: float  # expected calibration error, 15 bins
    likelihood: float  # mean negative log-likelihood, nats


@dataclass(frozen=True)
class ClassFigures:
    """Of one class on the test rows."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class GraphReport:
    """One graph the search could use."""

    name: str
    nodes: int
    edges: int  # directed
    homophily: float | None  # share of links between labelled training rows that join equal labels
    labelled_edges: int
    expected: float | None  # the share if links fell at random
    note: str = ""


@dataclass(frozen=True)
class Verdict:
    """Whether the graph earns its place, on held-out rows of the training part."""

    graph_helps: bool  # so far as to be used
    gain: float  # points of accuracy: best candidate with a graph − best without
    gain_low: float  # 95 % interval, paired over rows
    gain_high: float
    text: str
    asked: bool = False  # whether what is saved was asked for, whatever held-out rows say


@dataclass(frozen=True)
class UnknownFigures:
    """Of telling texts of no class from the others, on rows of both kinds; rates are 0 … 1."""

    known: int  # rows of the classes
    unknown: int
    auroc: float  # of the score, whatever the threshold
    auroc_low: float  # 95 % bootstrap interval
    auroc_high: float
    accuracy: float  # of the known rows, if none were rejected
    accuracy_kept: float  # share of the known rows that keep their class and are right
    kept: float  # share of the known rows that keep their class
    recall: float  # share of the unknown rows that are rejected


@dataclass(frozen=True)
class UnknownReport:
    """From which score on a text is of no class, and what that was set by."""

    label: str | None  # the first that the table calls such rows by; None = it has none
    threshold: float
    known: int  # held-out rows of the classes that it was set by
    kept: float  # share of them that keep their class
    examples: int  # rows of no class that it was set by too
    caught: float | None  # share of the examples that are rejected
    test: UnknownFigures | None = None


@dataclass(frozen=True)
class Outcome:
    """Everything a report says."""

    protocol: Literal["inductive", "transductive"]
    encoder: str
    seed: int
    rows: dict[str, int]  # labelled, unlabelled, val, test
    classes: tuple[str, ...]
    selection: str
    chosen: str
    candidates: tuple[Scored, ...]
    graphs: tuple[GraphReport, ...]
    verdict: Verdict
    test: Figures | None
    test_graph_free: Figures | None  # the best candidate without a graph, on the same rows
    test_gain: tuple[float, float, float] | None  # points, with the low and high end of 95 %
    per_class: tuple[ClassFigures, ...] | None
    confusion: tuple[tuple[int, ...], ...] | None  # rows = true, columns = predicted
    temperature: float
    seconds: dict[str, float]  # by stage
    notes: tuple[str, ...]
    text_column: str | None = None
    measure: Literal["accuracy", "micro-F1"] = "accuracy"  # what every field called accuracy holds
    unknown: UnknownReport | None = None
