"""What full fine-tuning comes to by several seeds, on whatever processor there is.

    python bench/full_accuracy.py [ROW...] [--rows N]

The same training as `tuning.py` holds its fits against (`full_tuning.py`), of its rows with all labels. It
takes hours on two cores where texts are long, and minutes on a GPU; how long it takes is not told here.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import full_tuning
import recording
import smoke
import surroundings
import tuning
from graphtune.encoder.directory import located
from graphtune.table import Table

NAME = full_tuning.NAME
ENCODER, SEEDS = "minilm", 3
SAME = ("program", "rate", "epochs", "batch", "labelled")  # of a training, by whatever seed
ROWS = {row.name: row for row in tuning.ROWS if row.share is not None}


def run(out: Path, names: Sequence[str] = tuple(ROWS)) -> None:
    """Measure the rows whose data are there, and write a result for each."""
    recording.record(out / NAME, names, lambda name: result(ROWS[name], tuning.shown(ROWS[name])), line)


def result(row: tuning.Row, table: Table, encoder: str = ENCODER, seeds: int = SEEDS) -> dict[str, Any]:
    """Return the accuracies of one row."""
    found = [full_tuning.full_tuning(table, located(encoder), seed=seed) for seed in range(seeds)]
    settings = {name: found[0][name] for name in SAME}
    every = [{"seed": seed, "accuracy": one["accuracy"]} for seed, one in enumerate(found)]
    return {
        **{"row": row.name, "dataset": row.dataset, "encoder": Path(encoder).name, **settings},
        **{"accuracy": round(fmean(one["accuracy"] for one in every), 2), "seeds": every},
        **surroundings.facts(),
    }


def line(found: dict[str, Any]) -> str:
    """Say a result in one line."""
    each = ", ".join(f"{one['accuracy']:.2f}" for one in found["seeds"])
    return f"{found['row']}: {found['accuracy']:.2f} % ({each})"


def main() -> int:
    """Measure; with ``--rows`` only try the script."""

    def tried(name: str, rows: int | None) -> str:
        return line(result(ROWS[name], tuning.shown(ROWS[name], rows), seeds=1))

    return smoke.main(__doc__, run, tried, sizes=smoke.ROWS, named="row", names=tuple(ROWS))


if __name__ == "__main__":
    sys.exit(main())
