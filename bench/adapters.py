"""Adapters beside full tuning: how many numbers they learn, and how accurate they are, over five transfers.

    python bench/adapters.py [PAIR...] [--rows N]

A GIN of the paper's width (300) is pre-trained by attribute masking on the texts of one data set, without a
label, and tuned on another with 20 labels a class: wholly, by AdapterGNN, and its head alone. The packaged
MiniLM makes the rows of both, similar texts are linked, or what the data set links. Test rows are nodes,
their labels hidden, and are read once, for the figures; val rows choose the epoch and the settings.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import recording
import smoke
import surroundings
import transfer
from graphtune.initial import Masking
from graphtune.strategy import AdapterGNN, Full, LinearProbe, Strategy

NAME = "adapters"
LEAST, MOST = -0.3, 10.0  # bars: points against full tuning on the mean; % of its numbers
PAIRS = {
    f"{source}-{target}": (source, target)
    for source, target in (
        ("clinc150", "banking77"),
        ("agnews_test7600", "r8"),
        ("citeseer", "cora"),
        ("dbpedia14k", "trec6"),
        ("subj", "cr"),
    )
}
# A step reads the whole graph: where the paper takes many an epoch, larger rates are tried too. Of a way's
# settings the best on val rows is taken, with every seed anew.
WAYS: dict[str, tuple[Strategy, ...]] = {
    "full": tuple(Full(rate=rate, decay=5e-4, epochs=100) for rate in (3e-4, 1e-3, 3e-3)),
    "adapters": (
        AdapterGNN(rate=0.01, epochs=100),
        AdapterGNN(scale=1.0, rate=0.01, head_rate=1e-3, epochs=100),
        AdapterGNN(scale=3.0, rate=0.01, head_rate=1e-3, epochs=100),
    ),
    "probe": (LinearProbe(rate=0.01, epochs=100),),
}
_SHAPE, _OBJECTIVE = transfer.Shape(), Masking(epochs=50)
_ENCODER, _SEEDS, _MOST, _LABELS = "minilm", 5, 3000, 20


def run(out: Path, names: Sequence[str] = tuple(PAIRS)) -> None:
    """Measure each pair whose data are there, and write a result for each."""
    recording.record(out / NAME, names, lambda name: measured(*PAIRS[name], None, _SEEDS), line)


def measured(source: str, target: str, rows: int | None, seeds: int) -> dict[str, Any]:
    """Pre-train on one data set, and tune on the other in every way with every seed."""
    corpora = [
        transfer.Corpus.read(name, _ENCODER, 0, most=_MOST, smoke_rows=rows) for name in (source, target)
    ]
    begun, corpus = corpora
    scores: dict[str, list[float]] = {name: [] for name in WAYS}
    learned: dict[str, int] = {}
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for seed in range(seeds):
        start, _ = transfer.pretrained(begun, _SHAPE, _OBJECTIVE, seed)
        task = corpus.labelled(_LABELS, seed)
        for name, settings in WAYS.items():
            tuned = [transfer.tuned(corpus, task, _SHAPE, start, one, seed) for one in settings]
            model, history = max(tuned, key=lambda one: corpus.accuracy(one[0], task))
            scores[name].append(corpus.accuracy(model))
            learned[name] = history.phases[-1].learned
            seconds[name].append(history.seconds)
    share = 100 * learned["adapters"] / learned["full"]
    return {
        "source": source,
        "target": target,
        "encoder": _ENCODER,
        "labels": _LABELS,
        "texts": [len(one.table) for one in corpora],
        "network": {"layer": _SHAPE.layer.__name__, "width": _SHAPE.width, "depth": _SHAPE.depth},
        "objective": repr(_OBJECTIVE),
        "ways": {
            name: {
                "accuracy": round(mean(found), 2),
                "deviation": round(stdev(found), 2) if len(found) > 1 else None,
                "learned": learned[name],
                "seconds": round(mean(seconds[name]), 2),
            }
            for name, found in scores.items()
        },
        "share": round(share, 2),
        "seeds": seeds,
        **surroundings.facts(),
    }


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    said = ", ".join(f"{name} {way['accuracy']} %" for name, way in result["ways"].items())
    named = f"{result['source']} to {result['target']}"
    return f"{named}: {said}; adapters learn {result['share']} % as many numbers"


def main() -> int:
    """Measure; with ``--rows`` only try the script."""

    def tried(name: str, rows: int) -> str:
        return line(measured(*PAIRS[name], rows, 1))

    return smoke.main(__doc__, run, tried, sizes=smoke.ROWS, named="pair", names=tuple(PAIRS))


if __name__ == "__main__":
    sys.exit(main())
