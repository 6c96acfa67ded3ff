"""What a fit that tunes the encoder comes to: with few labels, and against full fine-tuning.

    python bench/tuning.py [ROW...]

With few labels the encoder serves alone, after five minutes in all. With all labels, full fine-tuning of the
same encoder is timed first (`full_tuning.py`); the fit then has a quarter or half of its time, encoding and
search included. Of long texts some steps of it are timed, and what it comes to is measured elsewhere
(`full_accuracy.py`). Nothing is chosen on test rows.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import protocols
import recording
import smoke
import surroundings
from full_tuning import full_tuning
from graphtune import progress
from graphtune.encoder.directory import located
from graphtune.plan import Plan
from graphtune.run import fit_table
from graphtune.run.fitted import FittedModel
from graphtune.table import Table, from_lists

NAME = "tuning"
_MINUTES = 300.0  # seconds of a fit with few labels
_NO_CLASS = "oos"  # clinc150's texts of no class
_STEPS = 60


@dataclass(frozen=True)
class Row:
    """One task."""

    name: str
    dataset: str
    bar: float | None = None  # test accuracy in %; None = that of full fine-tuning, less ``below``
    flagged: str | None = None  # column of the labelled training rows; None = all
    share: float | None = None  # of full fine-tuning's time
    below: float = 0.0
    keep_rare: bool = False  # whether a class with one labelled training row stays
    steps: int | None = None  # of full fine-tuning that are timed; None = all


ROWS = (
    Row("banking77-few5", "banking77", 86.5, "few5"),
    Row("banking77-few10", "banking77", 89.3, "few10"),
    Row("clinc150-few5", "clinc150", 90.5, "few5"),
    Row("clinc150-few10", "clinc150", 93.0, "few10"),
    Row("cr-all", "cr", share=0.5, below=0.3),
    Row("sst2-all", "sst2", share=0.5, below=0.3),
    Row("subj-all", "subj", share=0.5, below=0.3),
    Row("r8-all", "r8", 98.1, share=0.25, steps=_STEPS),
    Row("r52-all", "r52", 96.4, share=0.25, keep_rare=True, steps=_STEPS),
    Row("mr-all", "mr", 81.0, share=0.25),
    Row("20ng-all", "20ng", 88.5, share=0.25, steps=_STEPS),
)


def run(out: Path, names: tuple[str, ...] = ()) -> None:
    """Run the rows that are named, or all, as far as the data are there."""
    chosen = {row.name: row for row in ROWS if not names or row.name in names}

    def result(name: str) -> dict[str, Any]:
        found = measured(chosen[name], shown(chosen[name]))
        return found | surroundings.circumstances()

    recording.record(out / NAME, chosen, result, line)


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    return f"{result['row']}: {result['accuracy']} (bar {result['bar']}) in {result['seconds']} s"


def shown(row: Row, rows: int | None = None) -> Table:
    """Return what is learned from; clinc150 without its texts of no class, its val rows without labels.

    Raises:
        AbsentDataError: the data set is not there.
    """
    table, _ = protocols.read(
        protocols.Protocol(row.dataset, flagged=row.flagged, keep_rare=row.keep_rare), 0, rows
    )
    if row.dataset != "clinc150":
        return table
    whole, _ = protocols.read(protocols.Protocol(row.dataset), 0)
    names = dict(zip(whole.ids, (whole.classes[label] for label in whole.labels), strict=True))
    kept = [at for at, own in enumerate(table.ids) if names[own] != _NO_CLASS]
    val = np.array(table.split) == "val"
    return from_lists(
        [table.texts[at] for at in kept],
        [None if table.labels[at] < 0 or val[at] else table.classes[table.labels[at]] for at in kept],
        [table.ids[at] for at in kept],
        ["train" if val[at] else table.split[at] for at in kept],
    )


def measured(row: Row, table: Table, encoder: str = "minilm") -> dict[str, Any]:
    """Return the figures of one row."""
    found: dict[str, Any] = {"row": row.name, "dataset": row.dataset, "protocol": "inductive", "seed": 0}
    bar, budget = row.bar, _MINUTES
    if row.share is not None:
        directory = located(encoder)
        found["full"] = full = full_tuning(table, directory, steps=row.steps)
        budget = row.share * full["seconds"]
        bar = bar_of(row, full["accuracy"])
    asked = Plan(
        encoder=encoder,
        budget_seconds=budget,
        tune=True,
        serve_as="auto" if row.share is not None else "encoder",
        keep_rare=row.keep_rare,
    )
    with _fresh_cache():
        start = time.monotonic()
        model = fit_table(table, plan=asked, into=None, tells_unknown=False)
        seconds = time.monotonic() - start
    return found | _figures(model, budget, seconds) | {"bar": None if bar is None else round(bar, 2)}


def bar_of(row: Row, full: float | None) -> float | None:
    """Return the accuracy in % that a fit has to reach where full fine-tuning comes to ``full``."""
    bars = [row.bar, None if full is None or row.share is None else full - row.below]
    return max((one for one in bars if one is not None), default=None)


def _figures(model: FittedModel, budget: float, seconds: float) -> dict[str, Any]:
    outcome = model.outcome
    assert outcome.test is not None
    return {
        "rows": outcome.rows,
        "budget_seconds": round(budget, 1),
        "seconds": round(seconds, 1),
        "seconds_of": {name: round(value, 1) for name, value in outcome.seconds.items()},
        "accuracy": round(100 * outcome.test.accuracy, 2),
        "accuracy_interval": [
            round(100 * value, 2) for value in (outcome.test.accuracy_low, outcome.test.accuracy_high)
        ],
        "chosen": outcome.chosen,
        "notes": list(outcome.notes),
    }


@contextmanager
def _fresh_cache() -> Iterator[None]:
    """Let nothing be encoded before the clock runs."""
    before = os.environ.get("GRAPHTUNE_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRAPHTUNE_CACHE"] = folder
        try:
            yield
        finally:
            del os.environ["GRAPHTUNE_CACHE"]
            if before is not None:
                os.environ["GRAPHTUNE_CACHE"] = before


def main() -> int:
    """Run the rows that are named, or all."""
    with progress.shown():
        return smoke.main(__doc__, run, named="row", names=tuple(row.name for row in ROWS))


if __name__ == "__main__":
    sys.exit(main())
