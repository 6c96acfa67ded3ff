"""Which way of tuning a pre-trained graph neural network helps, which hurts, and what each costs.

    python bench/gnn_strategies.py [DATASET...] [--rows N]

The network of `starts.py` is pre-trained without labels on the data set's own texts, once for each seed, and
tuned in every way on the same few labels a class. Beside it stand the same network from random weights, tuned
wholly, and what needs no graph: a logistic regression on the same rows. Test rows are nodes, their labels
hidden, and are read once; val rows (a fifth of the training rows where there are none) choose the epoch.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import protocols
import recording
import smoke
import starts
import surroundings
import transfer
from graphtune.initial import DGI, Initial
from graphtune.layer import GCN
from graphtune.model import Task
from graphtune.strategy import (
    BSS,
    DELTA,
    GPF,
    GTOT,
    L2SP,
    AdapterGNN,
    BitFit,
    Full,
    GPFPlus,
    GradualUnfreezing,
    GraphControl,
    GTuning,
    LastLayers,
    LinearProbe,
    StochNorm,
    Strategy,
)

NAME = "gnn_strategies"
SETS = starts.SETS | {"webkb": "minilm"}
FULL, RANDOM, GRAPH_FREE = "Full", "random", "graph-free"
_EPOCHS = 60
# Where a strategy's usual rates are for many steps an epoch, others were chosen on val rows of cora and
# banking77: a step here reads the whole graph.
WAYS: dict[str, Strategy] = {
    FULL: Full(rate=0.01, decay=5e-3, epochs=_EPOCHS),
    "LinearProbe": LinearProbe(rate=0.1, epochs=_EPOCHS),
    "BitFit": BitFit(rate=0.01, head_rate=0.05, epochs=_EPOCHS),
    "LastLayers": LastLayers(epochs=_EPOCHS),
    "GradualUnfreezing": GradualUnfreezing(epochs=_EPOCHS),
    "L2SP": L2SP(epochs=_EPOCHS),
    "DELTA": DELTA(epochs=_EPOCHS),
    "BSS": BSS(epochs=_EPOCHS),
    "StochNorm": StochNorm(epochs=_EPOCHS),
    "GTOT": GTOT(epochs=_EPOCHS),
    "AdapterGNN": AdapterGNN(bottleneck=2, scale=0.1, rate=0.01, head_rate=0.05, epochs=_EPOCHS),
    "GPF": GPF(rate=0.1, head_rate=0.1, epochs=_EPOCHS),
    "GPFPlus": GPFPlus(rate=0.1, head_rate=0.1, epochs=_EPOCHS),
    "GraphControl": GraphControl(epochs=_EPOCHS),
    "GTuning": GTuning(epochs=_EPOCHS),
}
_OBJECTIVE: Initial = DGI()
_SHAPE = transfer.Shape(GCN, 64)
_SEEDS, _MOST, _LABELS = 5, 8000, 5


def run(out: Path, names: Sequence[str] = tuple(SETS)) -> None:
    """Measure each data set that is there, and write a result for each."""
    recording.record(out / NAME, names, lambda name: measured(name, SETS[name], None, _SEEDS), line)


def measured(name: str, encoder: str, rows: int | None, seeds: int) -> dict[str, Any]:
    """Tune in every way with every seed."""
    corpus = transfer.Corpus.read(name, encoder, 0, most=_MOST, smoke_rows=rows)
    accuracy: dict[str, list[float]] = {way: [] for way in (GRAPH_FREE, RANDOM, *WAYS)}
    seconds: dict[str, list[float]] = {way: [] for way in (RANDOM, *WAYS)}
    learned: dict[str, int] = {}
    for seed in range(seeds):
        task = corpus.labelled(_LABELS, seed)
        weights, _ = transfer.pretrained(corpus, _SHAPE, _OBJECTIVE, seed)
        accuracy[GRAPH_FREE].append(by_rows_alone(corpus, task))
        for way in seconds:
            strategy, start = (WAYS[FULL], None) if way == RANDOM else (WAYS[way], weights)
            model, history = transfer.tuned(corpus, task, _SHAPE, start, strategy, seed)
            accuracy[way].append(corpus.accuracy(model))
            seconds[way].append(history.seconds)
            learned[way] = history.phases[-1].learned
    return {
        "dataset": name,
        "encoder": encoder,
        "protocol": "transductive",
        "labels": _LABELS,
        "seeds": seeds,
        "texts": len(corpus.table),
        "classes": len(corpus.table.classes),
        "network": {"layer": _SHAPE.layer.__name__, "width": _SHAPE.width, "depth": _SHAPE.depth},
        "objective": repr(_OBJECTIVE),
        "ways": {
            way: {
                **transfer.gained(found, accuracy[FULL]),
                "seconds": round(fmean(seconds[way]), 2) if way in seconds else None,
                "learned": learned.get(way),
            }
            for way, found in accuracy.items()
        },
        **surroundings.facts(),
    }


def by_rows_alone(corpus: transfer.Corpus, task: Task) -> float:
    """Return the accuracy of a logistic regression on the labelled rows, %."""
    from sklearn.linear_model import LogisticRegression

    rows, tests = task.train.numpy(), protocols.labelled(corpus.table, "test")
    x, labels = corpus.features.numpy(), corpus.table.labels
    told = LogisticRegression(max_iter=2000).fit(x[rows], labels[rows]).predict(x[tests])
    return corpus.right(told, tests)


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    said = ", ".join(f"{way} {figures['accuracy']}" for way, figures in result["ways"].items())
    return f"{result['dataset']}, {result['labels']} labels a class, % of the test rows: {said}"


def main() -> int:
    """Measure; with ``--rows`` only try the script."""

    def tried(name: str, rows: int | None) -> str:
        return line(measured(name, SETS[name], rows, 1))

    return smoke.main(__doc__, run, tried, sizes=smoke.ROWS, named="dataset", names=tuple(SETS))


if __name__ == "__main__":
    sys.exit(main())
