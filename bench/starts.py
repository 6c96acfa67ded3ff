"""Is it worth its time to pre-train a network before few labels tune it?

    python bench/starts.py [DATASET...] [--rows N]

Each network starts from random weights, or from an objective that needs no labels on the data set's own
texts, and is then tuned on five labels a class, in every seed on the same rows. The packaged MiniLM makes the
rows (a TF-IDF those of thucnews_title); similar texts are linked, or what the data set links. Test rows are
nodes, their labels hidden, and are read once; val rows (a fifth of the training rows where there are none)
choose the epoch.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import recording
import smoke
import surroundings
import transfer
from graphtune.initial import DGI, GAE, VGAE, GraphCL, GraphMAE, Initial, MaskedEdges, Masking
from graphtune.layer import GCN
from graphtune.strategy import L2SP, Full, Strategy

NAME = "starts"
SETS = {  # and the encoder of each
    "banking77": "minilm",
    "cora": "minilm",
    "dblp_conf": "minilm",
    "debian": "minilm",
    "thucnews_title": "tfidf",
}
OBJECTIVES: dict[str, Initial] = {
    "DGI": DGI(),
    "GAE": GAE(),
    "VGAE": VGAE(),
    "GraphCL": GraphCL(),
    "GraphMAE": GraphMAE(),
    "Masking": Masking(),
    "MaskedEdges": MaskedEdges(),
}
RANDOM = "Usual"
TUNED: dict[str, Strategy] = {"Full": Full(rate=0.01, decay=5e-3, epochs=60), "L2SP": L2SP(epochs=60)}
_SHAPE = transfer.Shape(GCN, 64)
_SEEDS, _MOST, _LABELS = 5, 8000, 5


@dataclass(frozen=True)
class Tried:
    """One start and one strategy with one seed."""

    accuracy: float  # on test rows, %
    before: float  # seconds of pre-training


def run(out: Path, names: Sequence[str] = tuple(SETS)) -> None:
    """Measure each data set that is there, and write a result for each."""
    recording.record(out / NAME, names, lambda name: measured(name, SETS[name], None, _SEEDS), line)


def measured(name: str, encoder: str, rows: int | None, seeds: int) -> dict[str, Any]:
    """Tune from every start with every seed."""
    corpus = transfer.Corpus.read(name, encoder, 0, most=_MOST, smoke_rows=rows)
    found: dict[str, dict[str, list[Tried]]] = {start: {} for start in (RANDOM, *OBJECTIVES)}
    for seed in range(seeds):
        task = corpus.labelled(_LABELS, seed)
        for start in found:
            weights, seconds = None, 0.0
            if start != RANDOM:
                weights, seconds = transfer.pretrained(corpus, _SHAPE, OBJECTIVES[start], seed)
            for how, strategy in TUNED.items():
                model, _ = transfer.tuned(corpus, task, _SHAPE, weights, strategy, seed)
                found[start].setdefault(how, []).append(Tried(corpus.accuracy(model), seconds))
    return {
        "dataset": name,
        "encoder": encoder,
        "labels": _LABELS,
        "seeds": seeds,
        "texts": len(corpus.table),
        "classes": len(corpus.table.classes),
        "edges": corpus.graph.edges,
        "network": {"layer": _SHAPE.layer.__name__, "width": _SHAPE.width, "depth": _SHAPE.depth},
        "starts": {
            start: {
                "seconds": round(mean(one.before for one in next(iter(ways.values()))), 2),
                **{
                    how: transfer.gained(_accuracies(ones), _accuracies(found[RANDOM][how]))
                    for how, ones in ways.items()
                },
            }
            for start, ways in found.items()
        },
        **surroundings.facts(),
    }


def _accuracies(ones: Sequence[Tried]) -> list[float]:
    return [one.accuracy for one in ones]


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    said = ", ".join(f"{start} {ways['Full']['accuracy']}" for start, ways in result["starts"].items())
    return f"{result['dataset']}, {result['labels']} labels a class, % of the test rows: {said}"


def main() -> int:
    """Measure; with ``--rows`` only try the script."""

    def tried(name: str, rows: int | None) -> str:
        return line(measured(name, SETS[name], rows, 1))

    return smoke.main(__doc__, run, tried, sizes=smoke.ROWS, named="dataset", names=tuple(SETS))


if __name__ == "__main__":
    sys.exit(main())
