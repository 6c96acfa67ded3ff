"""With few labels, is it right to use the graph unless it clearly loses?

    python bench/few_labels.py [DATASET...]

Every draw is made of *training* rows only: so many labelled a class, the others unlabelled, and as test rows
training rows that are kept apart. The figures are therefore free for choosing rules by; no test row is read.
Links of a data set are not used: every graph is of its texts alone. All data sets together take hours.
"""

import sys
from collections.abc import Sequence
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

NAME = "few_labels"
LABELLED = {  # a class
    "agnews_test7600": 5,
    "atis": 5,
    "banking77": 5,
    "citeseer": 5,
    "clinc150": 5,
    "cr": 10,
    "dbpedia14k": 5,
    "mr": 10,
    "r8": 5,
    "snips": 5,
    "subj": 10,
    "trec6": 10,
    "webkb": 5,
}
SEEDS = (100, 101)
_NO_CLASS = "oos"  # clinc150's texts of no class
_TEXTS, _APART = 4000, 1000  # unlabelled or labelled; kept apart


def run(out: Path, names: tuple[str, ...] = tuple(LABELLED)) -> None:
    """Run every data set that is there."""
    recording.record(out / NAME, names, measured, line)


def measured(name: str) -> dict[str, Any]:
    """Return what came of every draw of labels."""
    draws = [_draw(name, seed) for seed in SEEDS]
    result = {"dataset": name, "labelled_per_class": LABELLED[name], "protocol": "inductive", "draws": draws}
    return result | surroundings.circumstances()


def line(result: dict[str, Any]) -> str:
    """Say a result, a draw a line."""
    return "\n".join(
        f"{result['dataset']} {draw['seed']}: graph used {draw['graph_used']}, test gain {draw['test_gain']}"
        for draw in result["draws"]
    )


def _draw(name: str, seed: int) -> dict[str, Any]:
    table, _ = protocols.read(protocols.Protocol(name), seed)
    model = fit_table(few(table, LABELLED[name], seed), plan=Plan(seed=seed), into=None)
    outcome = model.outcome
    assert outcome.test is not None
    assert outcome.test_graph_free is not None
    gain = outcome.test_gain
    return {
        "seed": seed,
        "rows": outcome.rows,
        "graph_used": outcome.verdict.graph_helps,
        "held_out_gain": [outcome.verdict.gain, outcome.verdict.gain_low, outcome.verdict.gain_high],
        "test_gain": None if gain is None else [round(points, 2) for points in gain],
        "accuracy": round(100 * outcome.test.accuracy, 2),
        "graph_free_accuracy": round(100 * outcome.test_graph_free.accuracy, 2),
        "classes_weighted": model.calibration.weights is not None,
        "chosen": outcome.chosen,
        "seconds": round(outcome.seconds["total"], 1),
    }


def few(table: Table, count: int, seed: int) -> Table:
    """Return a table of labelled training rows of another one; those kept apart are its test rows."""
    names = ["" if label < 0 else table.classes[label] for label in table.labels]
    able = [row for row in protocols.labelled(table, "train") if names[row] != _NO_CLASS]
    order = np.random.default_rng(seed).permutation(able)
    count_apart = min(_APART, len(order) // 3)
    pool, apart = order[count_apart : count_apart + _TEXTS], order[:count_apart]
    kept = protocols.drawn(names, pool, count, seed)
    learned = {names[row] for row in kept}
    apart = [row for row in apart if names[row] in learned]
    rows = np.concatenate([pool, apart]).astype(int)
    shown = {*kept.tolist(), *apart}
    return from_lists(
        [table.texts[row] for row in rows],
        [names[row] if row in shown else None for row in rows],
        [table.ids[row] for row in rows],
        ["train"] * len(pool) + ["test"] * len(apart),
        keep_rare=True,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the data sets that are named, or all."""
    with progress.shown():
        return smoke.main(__doc__, run, named="dataset", names=tuple(LABELLED), arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
