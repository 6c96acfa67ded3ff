"""What pruning an encoder costs in accuracy and gains in speed, and what distillation gives back.

    python bench/pruning.py [DATASET...] [--rows N] [--seconds S] [--turns T] [--ways WAY...] [--shares S...]

MiniLM loses so large a share of its FLOPs: heads and units by labels, by what a head says or by its rows
alone, units alike in all blocks, or top blocks. Logistic regression on the frozen rows is judged on test
rows, before and after the whole encoder has taught what is left. Speed is timed in turn, in a process each,
without the cache on disk.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

import protocols
import recording
import smoke
import surroundings
from contest import Way, contest, ratio
from graphtune import progress
from graphtune.compress import PrunedEncoder, Pruning, distilled, prune
from graphtune.encoder import Transformer
from graphtune.encoder.directory import MINILM
from graphtune.errors import GraphtuneError
from graphtune.select.linear import LinearHead
from protocols import Protocol

NAME = "pruning"
DATASETS = {
    "sst2": Protocol("sst2"),
    "trec6": Protocol("trec6"),
    "banking77-few5": Protocol("banking77", flagged="few5"),
}
SHARES = (0.3, 0.5)
_TAUGHT, _PROBED, _JUDGED, _TIMED = 8000, 4000, 2000, 1000  # texts, at most
_SECONDS, _TURNS = 120.0, 5  # of teaching; of timing
_STRENGTH = 10.0  # C of the logistic regression
_SEED = 0

Encode = Callable[[], int]


@dataclass(frozen=True)
class Cut:
    """One way to prune, and to teach what is left."""

    settings: Pruning
    by: Literal["labels", "head", "rows"]  # whose change says what goes


WAYS = {
    "groups-by-labels": Cut(Pruning(), "labels"),
    "groups-by-head": Cut(Pruning(), "head"),
    "groups-by-rows": Cut(Pruning(), "rows"),
    "taylor-not-refitted": Cut(Pruning(scores="taylor", refit=0), "labels"),
    "units-alike": Cut(Pruning(way="units"), "labels"),
    "top-blocks": Cut(Pruning(way="blocks"), "labels"),
}


@dataclass(frozen=True)
class Size:
    """How many texts, turns and seconds are spent; the ways and shares that are tried."""

    rows: int | None = None  # None = as many as the limits allow
    seconds: float = _SECONDS
    turns: int = _TURNS
    ways: tuple[str, ...] = tuple(WAYS)
    shares: tuple[float, ...] = SHARES

    def of(self, most: int) -> int:
        """Return how many texts are read where ``most`` are allowed."""
        return most if self.rows is None else min(most, self.rows)


def run(out: Path, names: Sequence[str] = tuple(DATASETS), size: Size | None = None) -> None:
    """Measure every data set that is there, and write the results."""
    recording.record(out / NAME, names, lambda name: measured(name, size or Size()))


def measured(name: str, size: Size, encoder: str = MINILM) -> dict[str, Any]:
    """Prune, teach and time on one data set."""
    whole, data = Transformer(encoder), Data.read(DATASETS[name], size)
    rows = whole.encode(data.probed)
    head = LinearHead.fit(rows, data.labels, data.classes, strength=_STRENGTH)
    accuracy = data.accuracy(head, whole.encode(data.judged))
    print(f"{name}: whole encoder {accuracy} %", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        found, places = [], {}
        for way in size.ways:
            for share in size.shares:
                label, place = f"{way} {share}", Path(folder) / f"{way}-{share}"
                try:
                    row, student = _pruned(whole, data, way, share, head, size.seconds)
                except GraphtuneError as error:
                    print(f"{name}, {label}: {error.problem}", flush=True)
                    continue
                places[label] = str(student.save(place).name)
                found.append({"way": way, "share": share, **row})
                print(f"{name}, {label}: {line(found[-1])}", flush=True)
        texts = tuple(data.taught[: size.of(_TIMED)])
        ways = [Way("whole", encodes, (encoder, texts))]
        ways += [Way(label, encodes, (place, texts)) for label, place in places.items()]
        timed = contest(ways, turns=size.turns)
    for row, label in zip(found, places, strict=True):
        row["times_as_fast"] = ratio(timed["whole"], timed[label])
        print(f"{name}, {label}: {row['times_as_fast']['median']} times as fast", flush=True)
    return {
        "dataset": name,
        "labels": DATASETS[name].said,
        "texts": {what: len(getattr(data, what)) for what in ("taught", "probed", "judged")}
        | {"timed": len(texts)},
        "seed": _SEED,
        "whole": {
            "accuracy": accuracy,
            "texts_per_second": round(len(texts) / timed["whole"].median, 1),
        },
        "pruned": found,
        **surroundings.facts(),
    }


@dataclass(frozen=True, eq=False)
class Data:
    """The texts of one data set."""

    taught: list[str]  # training texts, labelled or not
    probed: list[str]  # training texts that a head is fitted on
    labels: np.ndarray  # of these
    judged: list[str]  # test texts
    truth: np.ndarray  # their labels
    classes: int

    @classmethod
    def read(cls, protocol: Protocol, size: Size) -> "Data":
        table, _ = protocols.read(protocol, _SEED)
        random = np.random.default_rng(_SEED)
        train = random.permutation(np.flatnonzero(np.array(table.split) == "train"))
        known = random.permutation(protocols.labelled(table, "train"))[: size.of(_PROBED)]
        test = random.permutation(protocols.labelled(table, "test"))[: size.of(_JUDGED)]
        taught, probed, judged = (
            [table.texts[row] for row in rows] for rows in (train[: size.of(_TAUGHT)], known, test)
        )
        return cls(taught, probed, table.labels[known], judged, table.labels[test], len(table.classes))

    def accuracy(self, head: LinearHead, rows: Any) -> float:
        """Return the accuracy on the judged texts, in %."""
        return round(100 * float((head.probabilities(rows).argmax(1) == self.truth).mean()), 2)


def _pruned(
    whole: Transformer, data: Data, way: str, share: float, head: LinearHead, seconds: float
) -> tuple[dict[str, Any], PrunedEncoder]:
    cut = WAYS[way]
    student = prune(
        whole,
        data.probed,
        data.labels if cut.by == "labels" else None,
        settings=replace(cut.settings, share=share),
        head=None if cut.by == "rows" else head,
        seed=_SEED,
    )
    taught = distilled(student, whole, data.taught, seconds=seconds, seed=_SEED)
    assert taught.taught is not None
    report = student.report
    facts = {
        "saved_flops": round(report.saved, 4),
        "tokens": report.tokens,
        "parameters": [report.parameters_before, report.parameters],
        "heads": [block.heads for block in report.blocks],
        "units": [block.units for block in report.blocks],
        "prune_seconds": round(report.seconds, 2),
        "teach_seconds": round(taught.taught.seconds, 2),
        "epochs": taught.taught.epochs,
        "cosine": [round(taught.taught.cosine_before, 4), round(taught.taught.cosine, 4)],
        "pruned": _figures(student, data, head),
        "taught": _figures(taught, data, head),
    }
    return facts, student


def _figures(encoder: PrunedEncoder, data: Data, head: LinearHead) -> dict[str, float]:
    """Return accuracy with the whole encoder's head, and with one fitted anew."""
    judged = encoder.rows(data.judged)
    anew = LinearHead.fit(encoder.rows(data.probed), data.labels, data.classes, strength=_STRENGTH)
    return {"same_head": data.accuracy(head, judged), "new_head": data.accuracy(anew, judged)}


def encodes(name: str, texts: Sequence[str]) -> Encode:
    """Prepare an encoder, which is then timed without its cache."""
    encoder = Transformer(name)
    encoder.encode(["to load the weights"])
    return lambda: len(encoder.encode(texts))


def line(row: dict[str, Any]) -> str:
    """Say one way in one line."""
    return (
        f"{row['saved_flops']:.1%} fewer FLOPs; accuracy with a new head {row['pruned']['new_head']} % "
        f"pruned, {row['taught']['new_head']} % taught; with the same {row['pruned']['same_head']} %, "
        f"{row['taught']['same_head']} %; cosine {row['cosine'][0]} to {row['cosine'][1]}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Measure; with ``--rows``, ``--seconds`` or ``--turns`` only try the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    smoke.add_names(parser, "dataset", tuple(DATASETS))
    parser.add_argument("--rows", type=int, help="smoke run on so many texts; nothing is written")
    parser.add_argument("--seconds", type=float, help="smoke run, taught for so long; nothing is written")
    parser.add_argument("--turns", type=int, help="smoke run of so many turns; nothing is written")
    parser.add_argument("--ways", nargs="+", choices=tuple(WAYS), default=list(WAYS))
    parser.add_argument("--shares", nargs="+", type=float, default=list(SHARES))
    given = parser.parse_args(arguments)
    size = Size(
        given.rows, given.seconds or _SECONDS, given.turns or _TURNS, tuple(given.ways), tuple(given.shares)
    )
    names = tuple(given.dataset) or tuple(DATASETS)
    with progress.shown():
        if given.rows is given.seconds is given.turns is None:
            run(smoke.RESULTS, names, size)
        else:
            for name in names:
                measured(name, size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
