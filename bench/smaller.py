"""What making tuned models smaller costs in accuracy, and gains in size and speed.

    python bench/smaller.py [DATASET...] [--rows N]

All blocks of MiniLM are tuned on up to 2,000 training rows of each set, with three seeds. ``compress`` then
exports the model; makes it integers; prunes 30 % of its FLOPs, with a minute of teaching; and prunes 40 %,
teaches as long and makes that integers. Nothing is refused, so that every loss is seen. Up to 2,000 test
rows judge and decide nothing: what a step looks at are training rows. All is told beside the tuned model in
float32; what torch runs, the pruned one among it, runs as it does for users: in bfloat16 where the processor
has it. Texts a second are those of the first seed's models, of test texts in calls of 64, every way in turn
and in a process of its own, without the cache on disk.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

import protocols
import recording
import smoke
import surroundings
from contest import Way, contest, ratio
from graphtune import progress
from graphtune.plan import Plan
from graphtune.run import FittedModel, fit_table, load
from graphtune.select import Tuned
from graphtune.select.fitted_tuned import FittedTuned
from graphtune.strategy import EncoderTuning
from graphtune.table import Table, from_lists

NAME = "smaller"
DATASETS = ("trec6", "cr", "banking77", "subj", "snips")
WHOLE, EXPORTED, INT8, PRUNED, BOTH = "whole", "onnx", "int8", "pruned 30 %", "pruned 40 % int8"
WAYS = (EXPORTED, INT8, PRUNED, BOTH)
EXACT = " float32"  # behind the name of what torch runs in float32, whatever the processor has
_SHARES = {PRUNED: 0.3, BOTH: 0.4}  # of the FLOPs that go
_MOST = 100.0  # points that may be lost here
_TRAIN, _TEST, _TIMED, _CALL = 2000, 2000, 512, 64  # texts, at most
_RATE, _BLOCKS = 1e-4, 99  # step size; blocks that are tuned, which is all of them
_DIGITS = 4


@dataclass(frozen=True)
class Size:
    """How many rows, seeds, epochs, seconds of teaching and turns there are."""

    rows: int | None = None  # None = as many as the limits allow
    seeds: int = 3
    epochs: int = 3
    seconds: float = 60.0
    turns: int = 7
    encoder: str = "minilm"

    def of(self, most: int) -> int:
        """Return how many rows are read where ``most`` are allowed."""
        return most if self.rows is None else min(most, self.rows)


def run(out: Path, names: Sequence[str] = DATASETS) -> None:
    """Measure every data set that is there, and write the results."""
    recording.record(out / NAME, names, lambda name: measured(name, Size()), line)


def measured(name: str, size: Size) -> dict[str, Any]:
    """Tune, make smaller and judge with every seed, and time the models of the first."""
    seeds: list[dict[str, Any]] = []
    timed: dict[str, Any] = {}
    for seed in range(size.seeds):
        table = rows_of(name, seed, size)
        with tempfile.TemporaryDirectory() as folder:
            places = {way: Path(folder) / way for way in (WHOLE, *WAYS)}
            tune(table, places[WHOLE], seed, size)
            found = smaller(table, places, seed, size.seconds)
            seeds.append({"seed": seed, **found})
            print(f"{name}, seed {seed}: {_said(found)}", flush=True)
            timed = timed or timings(table, places, size)
    return {
        "dataset": name,
        "encoder": size.encoder,
        "rows": {part: table.split.count(part) for part in ("train", "test")},
        "tuned": {"blocks": "all", "epochs": size.epochs, "rate": _RATE},
        "pruned": {"shares_of_flops": _SHARES, "seconds": size.seconds},
        "seeds": seeds,
        "means": means(seeds),
        **timed,
        **surroundings.facts("onnx", "onnxruntime", "onnxscript"),
    }


def rows_of(name: str, seed: int, size: Size) -> Table:
    """Return some training rows, drawn by the seed, and some test rows, the same for every seed."""
    table, _ = protocols.read(protocols.Protocol(name), seed)
    train = np.random.default_rng(seed).permutation(protocols.labelled(table, "train"))[: size.of(_TRAIN)]
    test = np.random.default_rng(0).permutation(protocols.labelled(table, "test"))[: size.of(_TEST)]
    kept = [*map(int, train), *map(int, test)]
    return from_lists(
        [table.texts[at] for at in kept],
        [table.classes[table.labels[at]] for at in kept],
        [table.ids[at] for at in kept],
        ["train"] * len(train) + ["test"] * len(test),
    )


def tune(table: Table, into: Path, seed: int, size: Size) -> None:
    """Write a model whose encoder was tuned and serves by itself."""
    texts = size.epochs * table.split.count("train")
    every = Tuned(_BLOCKS, EncoderTuning(_RATE, epochs=size.epochs), texts=texts, drops=False)
    plan = Plan(encoder=size.encoder, seed=seed, candidates=(every,), exactly=True, budget_seconds=3600.0)
    fit_table(table, plan=plan, into=into, tells_unknown=False)


def smaller(table: Table, places: dict[str, Path], seed: int, seconds: float) -> dict[str, Any]:
    """Make the models; return what each comes to on the test rows beside the whole one in float32."""
    from graphtune.compress import Export, Int8, Prune, Step, compress

    made: dict[str, list[Step]] = {
        EXPORTED: [Export()],
        INT8: [Export(), Int8()],
        PRUNED: [Prune(_SHARES[PRUNED], seconds=seconds)],
        BOTH: [Prune(_SHARES[BOTH], seconds=seconds), Export(), Int8()],
    }
    test = [at for at, part in enumerate(table.split) if part == "test"]
    texts, truth = [table.texts[at] for at in test], table.labels[test]
    exact = exactly(load(places[WHOLE])).probabilities(texts).argmax(1)
    found: dict[str, Any] = {"accuracy": _percent(exact == truth), "bytes": _bytes(places[WHOLE])}
    for way, steps in made.items():
        compress(
            str(places[WHOLE]), places[way], steps=steps, table=table, most=_MOST, seed=seed, timing=False
        )
        said = load(places[way]).probabilities(texts).argmax(1)
        found[way] = {
            "points_lost": round(found["accuracy"] - _percent(said == truth), _DIGITS),
            "same_label": _percent(said == exact),
            "times_smaller": round(found["bytes"] / _bytes(places[way]), _DIGITS),
        }
    return found


def exactly(model: FittedModel) -> FittedModel:
    """Return a model whose encoder torch runs, with float32 whatever the processor has."""
    predictor = model.predictor
    assert isinstance(predictor, FittedTuned)
    encoder = replace(predictor.encoder, precision="float32")
    return replace(
        model, predictor=FittedTuned.by_itself(encoder, encoder.directory, predictor.head_tensors())
    )


def means(seeds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the means over the seeds of every way."""
    found: dict[str, Any] = {"accuracy": round(fmean(one["accuracy"] for one in seeds), _DIGITS)}
    for way in WAYS:
        found[way] = {what: round(fmean(one[way][what] for one in seeds), _DIGITS) for what in seeds[0][way]}
    return found


def timings(table: Table, places: dict[str, Path], size: Size) -> dict[str, Any]:
    """Return texts a second of every way, and how many times as fast as the whole one in float32."""
    texts = [text for text, part in zip(table.texts, table.split, strict=True) if part == "test"]
    # Two calls or more: a model remembers the last texts that it was asked for.
    some = texts[: size.of(_TIMED)]
    call = min(_CALL, -(-len(some) // 2))
    calls = [some[at : at + call] for at in range(0, len(some), call)]
    asked = {
        f"{way}{exact}": (str(places[way]), calls, bool(exact))
        for way in (WHOLE, PRUNED)
        for exact in ("", EXACT)
    }
    asked |= {way: (str(places[way]), calls, False) for way in (EXPORTED, INT8, BOTH)}
    found = contest([Way(name, predicts, told) for name, told in asked.items()], turns=size.turns)
    whole = found[WHOLE + EXACT]
    return {
        "texts_per_second": {n: round(sum(map(len, calls)) / one.median, 1) for n, one in found.items()},
        "times_as_fast": {name: ratio(whole, one) for name, one in found.items() if one is not whole},
        "peak_mib": {name: round(one.peak_mib, 1) for name, one in found.items()},
    }


def predicts(place: str, calls: Sequence[Sequence[str]], exact: bool) -> Callable[[], int]:
    """Prepare a saved model, which is then asked for all texts, call by call."""
    model = exactly(load(Path(place))) if exact else load(Path(place))
    model.probabilities(["to load the weights"])
    return lambda: sum(len(model.probabilities(texts)) for texts in calls)


def _percent(right: np.ndarray) -> float:
    return round(100 * float(right.mean()), _DIGITS)


def _bytes(place: Path) -> int:
    """Return the size of a model's encoder: weights, tokenizer and settings."""
    return sum(file.stat().st_size for file in (place / "encoder").rglob("*") if file.is_file())


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    fast = ", ".join(f"{way} {one['median']}" for way, one in result["times_as_fast"].items())
    return f"{result['dataset']}: {_said(result['means'])}; times as fast as {WHOLE}{EXACT}: {fast}"


def _said(found: dict[str, Any]) -> str:
    every = [(way, found[way]) for way in WAYS]
    told = [
        f"{way} {one['points_lost']:+.2f} lost, {one['same_label']:.1f} % alike, {one['times_smaller']:.2f} "
        "times smaller"
        for way, one in every
    ]
    return f"{found['accuracy']:.2f} %; " + "; ".join(told)


def main() -> int:
    """Measure; with ``--rows`` only try the script."""

    def tried(name: str, rows: int) -> str:
        return line(measured(name, Size(rows, seeds=1, epochs=1, seconds=2.0, turns=1)))

    with progress.shown():
        return smoke.main(__doc__, run, tried, sizes=smoke.ROWS, named="dataset", names=DATASETS)


if __name__ == "__main__":
    sys.exit(main())
