"""Several labels a text: reuters90, the ModApte split of Reuters-21578 with 90 topics.

    python bench/multi_label.py

Training rows alone teach and choose; the test rows are read once, for the figures.
"""

import sys
from pathlib import Path

import protocols
import surroundings
from graphtune import progress
from graphtune.artefact import write_json
from graphtune.plan import Plan
from graphtune.run import fit_table
from graphtune.table import SEPARATOR, Columns, read_table

NAME = "multi_label"
RESULTS = Path(__file__).parent / "results"
DATASET = "reuters90"
LEAST = 87.0  # micro-F1 in %
_BUDGET = 300.0  # seconds


def run(out: Path) -> None:
    """Fit once, if the data are there."""
    path = protocols.data_root() / f"{DATASET}.parquet"
    if not path.is_file():
        print(f"skipped {DATASET}: {path.name} is not in {path.parent}; set GRAPHTUNE_DATA.", file=sys.stderr)
        return
    columns = Columns(text="text", label="label", split="split", id="id")
    table = read_table(str(path), columns, purpose="fit", separator=SEPARATOR)
    outcome = fit_table(table, plan=Plan(separator=SEPARATOR, budget_seconds=_BUDGET), into=None).outcome
    test, free = outcome.test, outcome.test_graph_free
    assert test is not None
    result = {
        "dataset": DATASET,
        "protocol": "inductive",
        "seed": 0,
        "rows": outcome.rows,
        "labels": len(outcome.classes),
        "micro_f1": round(100 * test.accuracy, 2),
        "micro_f1_interval": [round(100 * value, 2) for value in (test.accuracy_low, test.accuracy_high)],
        "macro_f1": round(100 * test.macro_f1, 2),
        "bar": LEAST,
        "graph_free_micro_f1": None if free is None else round(100 * free.accuracy, 2),
        "test_gain": None if outcome.test_gain is None else [round(value, 2) for value in outcome.test_gain],
        "chosen": outcome.chosen,
        "held_out": [
            {"name": one.name, "micro_f1": round(100 * one.accuracy, 2), "parts": one.folds}
            for one in outcome.candidates
            if one.folds
        ],
        "budget_seconds": _BUDGET,
        "seconds": {stage: round(spent, 1) for stage, spent in outcome.seconds.items()},
        **surroundings.circumstances(),
    }
    write_json(out / NAME / f"{DATASET}.json", result)
    print(f"{DATASET}: micro-F1 {result['micro_f1']} (bar {LEAST:g}), macro-F1 {result['macro_f1']}")


if __name__ == "__main__":
    with progress.shown():
        run(RESULTS)
