"""What every peer shares with `graphtune compare`: the task it reads and the result it writes.

A peer is a program of its own, called as ``PYTHON SCRIPT [ARGUMENT] TASK_DIR OUT_DIR``. It never sees the
label of a test row. Inside, a label is the number of its class among those that labelled training rows have.
"""

import importlib.metadata
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

_LATENCY_TEXTS, _LATENCY_SECONDS = 20, 3.0
_HELD_OUT = 5  # one labelled row of so many a class
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}


class ContractError(Exception):
    """The task lacks what this peer needs, or its result is malformed."""


@dataclass(frozen=True, eq=False)
class Task:
    """One table; rows are numbered in its order, and graph and features follow that order."""

    directory: Path
    classes: tuple[str, ...]
    seed: int
    budget_seconds: float
    threads: int
    transductive: bool  # whether test rows are in the graph that is learned on
    graph_seconds: float  # that making the graph took
    encoder_directory: Path | None
    encoder_parameters: int
    chinese: bool
    texts: tuple[str, ...]
    split: np.ndarray  # [rows] "train", "val" or "test"
    known: np.ndarray  # classes with labelled training rows, as numbers of `classes`
    labels: np.ndarray  # [rows] number in `known`; -1 = not labelled, or of a class not among them

    def rows(self, part: str) -> np.ndarray:
        """Return the labelled rows of ``train`` or ``val``, or all of ``test``."""
        return np.flatnonzero((self.split == part) & ((self.labels >= 0) | (part == "test")))

    def of(self, rows: np.ndarray) -> list[str]:
        """Return the texts of ``rows``."""
        return [self.texts[row] for row in rows]

    @cached_property
    def train(self) -> np.ndarray:
        """The labelled training rows."""
        return self.rows("train")

    @cached_property
    def test(self) -> np.ndarray:
        """The rows to predict."""
        return self.rows("test")

    @cached_property
    def parts(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows to learn from and rows to judge settings by: val rows, else one of five a class held out."""
        judge = self.rows("val")
        if len(judge):
            return self.train, judge
        draw = np.random.default_rng(self.seed)
        for number in range(len(self.known)):
            own = self.train[self.labels[self.train] == number]
            # A class with one row keeps it to learn from.
            count = max(1, len(own) // _HELD_OUT) if len(own) > 1 else 0
            judge = np.append(judge, draw.choice(own, count, replace=False))
        return np.setdiff1d(self.train, judge), np.sort(judge)

    @property
    def held_out(self) -> bool:
        """Whether the judging rows are training rows, which the final model may learn from too."""
        return len(self.rows("val")) == 0

    @property
    def encoder(self) -> Path:
        """The directory of the encoder.

        Raises:
            ContractError: the task has none.
        """
        if self.encoder_directory is None:
            raise ContractError("this peer tunes an encoder; the task's encoder_directory is null")
        return self.encoder_directory

    def features(self) -> np.ndarray:
        """Return the frozen features, float32 [rows, F]."""
        return np.load(self.directory / "features.npy")

    def graph(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return ``crow``, ``col`` and ``weight``; row i lists what node i receives from."""
        with np.load(self.directory / "graph.npz") as arrays:
            return arrays["crow"], arrays["col"], arrays["weight"]


@dataclass(frozen=True)
class Facts:
    """What is told of a run beside its predictions."""

    train_seconds: float  # with choosing settings; without encoding frozen features
    learned_parameters: int
    total_parameters: int
    size_bytes: int  # what must be kept to predict
    packages: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    encode_seconds: float | None = None
    latency_ms: float | None = None
    note: str = ""


class Clock:
    """Counts the budget of training from now on."""

    def __init__(self, budget_seconds: float) -> None:
        self.budget_seconds, self._start = budget_seconds, time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds gone."""
        return time.monotonic() - self._start

    def has(self, seconds: float = 0.0) -> bool:
        """Whether more than so many seconds are left."""
        return self.budget_seconds - self.seconds > seconds


def read(directory: Path) -> Task:
    """Read a task."""
    import pyarrow.parquet as pq

    told = json.loads((directory / "task.json").read_text(encoding="utf-8"))
    rows = pq.read_table(directory / "rows.parquet", columns=["text", "label", "split"]).to_pydict()
    split = np.array(rows["split"], dtype=str)
    number = {name: at for at, name in enumerate(told["classes"])}
    every = np.array([-1 if label is None else number[label] for label in rows["label"]], dtype=np.int64)
    known = np.unique(every[(split == "train") & (every >= 0)])
    if not len(known):
        raise ContractError("no training row has a label")
    place = np.full(len(number) + 1, -1)  # the last one is for rows without a label
    place[known] = np.arange(len(known))
    encoder = told["encoder_directory"]
    return Task(
        directory,
        tuple(told["classes"]),
        told["seed"],
        told["budget_seconds"],
        told["threads"],
        told["transductive"],
        told["graph_seconds"],
        None if encoder is None else Path(encoder),
        told["encoder_parameters"],
        told["chinese"],
        tuple(rows["text"]),
        split,
        known,
        place[every],
    )


def write(directory: Path, task: Task, probabilities: np.ndarray, facts: Facts) -> None:
    """Write the result; ``probabilities`` is [test rows, known classes].

    Raises:
        ContractError: it has another shape, or a number that is not finite.
    """
    shape = (len(task.test), len(task.known))
    if probabilities.shape != shape or not np.isfinite(probabilities).all():
        raise ContractError(f"probabilities of shape {probabilities.shape} are not finite ones of {shape}")
    every = np.zeros((shape[0], len(task.classes)), dtype=np.float32)
    every[:, task.known] = probabilities
    np.savez(directory / "predictions.npz", probabilities=every)
    told = asdict(facts)
    told["versions"] = {name: importlib.metadata.version(name) for name in told.pop("packages")}
    (directory / "facts.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def one_hot(numbers: np.ndarray, count: int) -> np.ndarray:
    """Return the probabilities of a program that has none."""
    return np.eye(count, dtype=np.float32)[numbers]


def latency_ms(predict: Callable[[str], object], texts: Sequence[str]) -> float:
    """Return the median milliseconds of one text at a time, once warm."""
    taken: list[float] = []
    predict(texts[0])
    start = time.perf_counter()
    for text in texts[:_LATENCY_TEXTS]:
        before = time.perf_counter()
        predict(text)
        taken.append(1000 * (time.perf_counter() - before))
        if time.perf_counter() - start > _LATENCY_SECONDS:
            break
    return float(np.median(taken))


def main(run: Callable[..., tuple[np.ndarray, Facts]], *choices: str) -> int:
    """Run a peer on the task that the command line names; one of ``choices`` comes before it."""
    *chosen, task_directory, out = sys.argv[1:] if len(sys.argv) > 2 else ["", "", ""]
    if len(chosen) != bool(choices) or not {*chosen} <= {*choices}:
        choice = f"{'|'.join(choices)} " if choices else ""
        print(f"usage: {Path(sys.argv[0]).name} {choice}TASK_DIR OUT_DIR", file=sys.stderr)
        return 1
    try:
        task = read(Path(task_directory))
        warnings.simplefilter("ignore")  # other people's packages warn of one another
        # Before torch, transformers and scikit-learn are imported, for they look at these then.
        os.environ.update(_QUIET, OMP_NUM_THREADS=str(task.threads), MKL_NUM_THREADS=str(task.threads))
        write(Path(out), task, *run(task, *chosen))
    except Exception as error:  # whatever it is, the comparison goes on and tells it in one line
        print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0
