"""How fast texts are encoded by distilled token rows, beside the transformer that they come from.

    python bench/static.py [DATASET | accuracy...] [--rows N] [--turns T]

The same texts in turn, in a process each, neither with the cache on disk; distilling is done once, before,
and not timed. Then what that costs: whole fits with either encoder, and how much of what the best candidate
without a graph loses by ``static`` the saved model gives back.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import encoding
import protocols
import recording
import smoke
import surroundings
from contest import Way, contest, ratio
from graphtune import progress
from graphtune.artefact import write_json
from graphtune.encoder.directory import MINILM
from graphtune.plan import Plan
from graphtune.run import fit_table
from protocols import Protocol

NAME = "static"
BAR = 50.0  # times as fast
TIMED = {"banking77": 5000, "r8": 1000}  # texts
JUDGED = {
    "banking77-few5": Protocol("banking77", flagged="few5"),
    "r8-20": Protocol("r8", per_class=20),
    "trec6": Protocol("trec6"),
    "agnews-5": Protocol("agnews_test7600", per_class=5),
}
_ACCURACY = "accuracy"
ALL = (*TIMED, _ACCURACY)
_TURNS = 5
_ENCODERS = ("static", "minilm")
_SEED = 0
_SMOKE_BUDGET = 5.0  # seconds
_DIGITS = 4

Encode = Callable[[], int]  # returns the number of rows


def run(out: Path, names: Sequence[str] = ALL) -> None:
    """Measure speed on every data set that is there, then accuracy, and write the results."""
    timed = [name for name in names if name in TIMED]
    recording.record(out / NAME, timed, lambda name: measured(name, TIMED[name], _TURNS), line)
    judged = accuracies(None) if _ACCURACY in names else None
    if judged and judged["rows"]:
        write_json(out / NAME / f"{_ACCURACY}.json", judged)


def measured(name: str, timed: int, turns: int) -> dict[str, Any]:
    """Time both on ``timed`` training texts."""
    table, _ = protocols.read(Protocol(name), 0)
    drawn = np.random.default_rng(0).permutation(protocols.labelled(table, "train"))[:timed]
    texts = tuple(table.texts[row] for row in drawn)
    ways = [Way("static", distilled, (texts,)), Way("transformer", encoding.ours, (texts,))]
    found = contest(ways, turns=turns)
    speed = ratio(found["transformer"], found["static"])
    return {
        "dataset": name,
        "texts": len(texts),
        "ways": {way.name: found[way.name].facts() for way in ways},
        "texts_per_second": {way.name: round(len(texts) / found[way.name].median, 1) for way in ways},
        "ratio": speed,
        "bar": BAR,
        "met": speed["median"] >= BAR,
        **surroundings.facts(),
    }


def distilled(texts: Sequence[str], source: str = MINILM) -> Encode:
    """Prepare the distilled rows; `Static` itself has no cache of texts."""
    from graphtune.encoder import Static

    encoder = Static(source).fit(())
    encoder.encode(["to load the tokenizer"])
    return lambda: len(encoder.encode(texts))


def accuracies(smoke_rows: int | None) -> dict[str, Any]:
    """Fit every judged table that is there with either encoder; a smoke run reads ``smoke_rows`` of it."""
    rows = []
    for name, protocol in JUDGED.items():
        try:
            table, _ = protocols.read(protocol, _SEED, smoke_rows)
        except protocols.AbsentDataError as absent:
            print(f"skipped {name}: {absent}", file=sys.stderr)
            continue
        fits = {encoder: _fitted(table, encoder, smoke_rows is not None) for encoder in _ENCODERS}
        rows.append(
            {
                "row": name,
                "labels": protocol.said,
                "encoders": fits,
                "given_back": given_back(fits),
            }
        )
        print(judged_line(rows[-1]), flush=True)
    return {
        "protocol": "inductive",
        "seed": _SEED,
        "rows": rows,
        **surroundings.facts(),
    }


def given_back(fits: dict[str, dict[str, Any]]) -> float | None:
    """Return which share of what is lost without a graph the saved model has again; None: nothing is lost."""
    static, whole = fits["static"], fits["minilm"]
    lost = whole["graph_free_accuracy"] - static["graph_free_accuracy"]
    if lost <= 0:
        return None
    return round((static["accuracy"] - static["graph_free_accuracy"]) / lost, 3)


def _fitted(table: Any, encoder: str, short: bool) -> dict[str, Any]:
    usual = Plan(encoder=encoder, seed=_SEED)
    plan = Plan(encoder=encoder, seed=_SEED, budget_seconds=_SMOKE_BUDGET) if short else usual
    outcome = fit_table(table, plan=plan, into=None).outcome
    assert outcome.test is not None
    assert outcome.test_graph_free is not None
    return {
        "accuracy": round(100 * outcome.test.accuracy, _DIGITS),
        "graph_free_accuracy": round(100 * outcome.test_graph_free.accuracy, _DIGITS),
        "test_gain": None if outcome.test_gain is None else [round(p, _DIGITS) for p in outcome.test_gain],
        "chosen": outcome.chosen,
        "rows": outcome.rows,
        "seconds": {stage: round(spent, 2) for stage, spent in outcome.seconds.items()},
    }


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    static, whole = result["texts_per_second"].values()
    return (
        f"{result['dataset']}: static {static} texts/s, transformer {whole}: "
        f"{result['ratio']['median']} times as fast (bar {result['bar']})"
    )


def judged_line(row: dict[str, Any]) -> str:
    """Say in one line what either encoder reaches."""
    parts = [
        f"{name} {one['accuracy']:.2f} % ({one['graph_free_accuracy']:.2f} % without a graph)"
        for name, one in row["encoders"].items()
    ]
    back = "" if row["given_back"] is None else f"; {row['given_back']:.0%} of the gap given back"
    return f"{row['row']}: {', '.join(parts)}{back}"


def main() -> int:
    """Measure; with ``--rows`` or ``--turns`` only try the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    smoke.add_names(parser, "name", ALL)
    parser.add_argument("--rows", type=int, help="smoke run on so many texts; nothing is written")
    parser.add_argument("--turns", type=int, help="smoke run of so many turns; nothing is written")
    given = parser.parse_args()
    names = tuple(given.name) or ALL
    with progress.shown():
        if given.rows is None and given.turns is None:
            run(Path(__file__).parent / "results", names)
        else:
            for name in (name for name in names if name in TIMED):
                print(line(measured(name, given.rows or TIMED[name], given.turns or _TURNS)))
            if _ACCURACY in names and given.rows is not None:
                accuracies(given.rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
