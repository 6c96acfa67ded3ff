"""How well texts of no class are told from the others, on clinc150 and its out-of-scope texts.

    python bench/unknown.py [ROW...]

The texts of 150 intents are learned from, with all, ten or five labels a class; ``oos`` is no class.
A row "with examples" shows the fit the 100 out-of-scope training texts too. Everything was chosen on
validation rows; the test rows, with 1,000 of no class, are read once, for the figures.
"""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import protocols
import recording
import smoke
import surroundings
from graphtune import progress
from graphtune.plan import Plan
from graphtune.run import fit_table
from graphtune.table import Table, from_lists

NAME = "unknown"
DATASET, NO_CLASS = "clinc150", "oos"
LEAST = 95.0  # AUROC in %
_BUDGET = 60.0  # seconds


@dataclass(frozen=True)
class Row:
    """One fit."""

    name: str
    flagged: str | None  # column of the labelled training rows; None = all
    examples: bool = False  # whether training rows of no class are shown


ROWS = tuple(
    Row(f"{DATASET}-{name}{'-examples' if examples else ''}", flagged, examples)
    for name, flagged in (("few5", "few5"), ("few10", "few10"), ("all", None))
    for examples in (False, True)
)


def run(out: Path, names: tuple[str, ...] = ()) -> None:
    """Run the rows that are named, or all, if the data are there."""
    chosen = {row.name: row for row in ROWS if not names or row.name in names}

    def result(name: str) -> dict[str, Any]:
        found = _measured(chosen[name], shown(chosen[name]))
        return found | surroundings.circumstances()

    recording.record(out / NAME, chosen, result, line)


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    return f"{result['row']}: AUROC {result['auroc']} (bar {LEAST:g}), accuracy {result['accuracy']}"


def shown(row: Row) -> Table:
    """Return what the fit is given: of texts of no class, the test rows, and examples where they are shown.

    Val rows of no class are left out, so that no row without examples has any.

    Raises:
        AbsentDataError: the data set is not there.
    """
    table, _ = protocols.read(protocols.Protocol(DATASET, flagged=row.flagged), 0)
    whole, _ = protocols.read(protocols.Protocol(DATASET), 0)
    names = ["" if label < 0 else whole.classes[label] for label in whole.labels]
    kept, labels = [], []
    for at, part in enumerate(whole.split):
        strange = names[at] == NO_CLASS
        if strange and (part == "val" or (part == "train" and not row.examples)):
            continue
        known = strange or table.labels[at] >= 0
        kept.append(at)
        labels.append(names[at] if known else None)
    return from_lists(
        [whole.texts[at] for at in kept],
        labels,
        [whole.ids[at] for at in kept],
        [whole.split[at] for at in kept],
    )


def _measured(row: Row, table: Table) -> dict[str, Any]:
    model = fit_table(table, plan=Plan(unknown_labels=(NO_CLASS,), budget_seconds=_BUDGET), into=None)
    outcome = model.outcome
    assert outcome.unknown is not None
    test = outcome.unknown.test
    assert test is not None
    return {
        "row": row.name,
        "dataset": DATASET,
        "protocol": "inductive",
        "seed": 0,
        "rows": outcome.rows,
        "examples": outcome.unknown.examples,
        "auroc": round(100 * test.auroc, 2),
        "auroc_interval": [round(100 * value, 2) for value in (test.auroc_low, test.auroc_high)],
        "bar": LEAST,
        "budget_seconds": _BUDGET,
        "accuracy": round(100 * test.accuracy, 2),
        "accuracy_kept": round(100 * test.accuracy_kept, 2),
        "kept": round(100 * test.kept, 2),
        "recall": round(100 * test.recall, 2),
        "held_out": {name: value for name, value in asdict(outcome.unknown).items() if name != "test"},
        "weights": list(np.round(model.telling.weights, 3)),
        "chosen": outcome.chosen,
        "seconds": round(outcome.seconds["total"], 1),
        "seconds_of_telling": round(outcome.seconds["unknown"], 1),
    }


def main() -> int:
    """Run the rows that are named, or all."""
    with progress.shown():
        return smoke.main(__doc__, run, named="row", names=tuple(row.name for row in ROWS))


if __name__ == "__main__":
    sys.exit(main())
