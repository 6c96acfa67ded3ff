"""The accuracy and time bars of the main job, each reproducible by its name.

    python bench/bars.py [ROW...] [--list] [--rows N]

Without a name every row is run. A result is written to ``bench/results/bars/ROW.json``; a smoke run
(``--rows``) goes to ``bench/work/bars`` instead and says nothing about accuracy. Test rows are read once,
for the final figure.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import measured
from graphtune import progress
from graphtune.artefact import write_json
from protocols import AbsentDataError, Protocol

NAME = "bars"
HERE = Path(__file__).parent
RESULTS = HERE / "results"
_FEW5, _FEW10 = Protocol("banking77", flagged="few5"), Protocol("banking77", flagged="few10")
_FIVE = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Row:
    """One line of the table: a protocol, how it is fitted, and what must be reached."""

    name: str
    protocol: Protocol
    least: float | None = None  # % of the test rows; None = never worse than the better baseline
    transductive: bool = False
    encoder: str = "minilm"
    characters: bool = False  # the baseline's TF-IDF is of characters, as for Chinese
    seeds: tuple[int, ...] = (0,)
    resources: bool = False  # bars of seconds and memory instead of accuracy


ROWS = (
    Row("banking77-few5", _FEW5, 85.5),
    Row("banking77-few10", _FEW10, 88.3),
    Row("banking77-few5-transductive", _FEW5, 86.2, transductive=True),
    Row("banking77-few10-transductive", _FEW10, 88.9, transductive=True),
    Row("r8-5", Protocol("r8", per_class=5), 94.2, seeds=_FIVE),
    Row("r8-20", Protocol("r8", per_class=20), 95.9, seeds=_FIVE),
    Row("r8-all", Protocol("r8"), 97.9),
    Row("cora-planetoid", Protocol("cora", split="split_planetoid"), 84.8, transductive=True),
    Row("webkb", Protocol("webkb")),
    Row("cr", Protocol("cr")),
    Row("mr", Protocol("mr")),
    Row("subj", Protocol("subj")),
    Row("trec6", Protocol("trec6")),
    Row("snips", Protocol("snips")),
    Row("chnsenticorp", Protocol("chnsenticorp"), encoder="tfidf", characters=True),
    Row("thucnews_title", Protocol("thucnews_title"), encoder="tfidf", characters=True),
    Row("banking77-few5-wall", _FEW5, resources=True),
)


def run(out: Path) -> None:
    """Run every row whose data are there."""
    for row in ROWS:
        _run(row, out / NAME, measured.Smoke())


def main(arguments: list[str] | None = None) -> int:
    """Run the rows that are named; return 1 where one could not be run."""
    given = _parser().parse_args(arguments)
    if given.list:
        for row in ROWS:
            print(f"{row.name:30} {_bar_said(row):34} {row.protocol.said}")
        return 0
    if given.rows is None and (given.encoder, given.budget) != (None, None):
        print("error: --encoder and --budget are for smoke runs.\nfix: give --rows too.", file=sys.stderr)
        return 2
    smoke = measured.Smoke(given.rows, given.encoder, given.budget)
    place = given.out or (RESULTS if smoke.rows is None else HERE / "work")
    by_name = {row.name: row for row in ROWS}
    wrong = [name for name in given.row if name not in by_name]
    if wrong:
        print(f"error: no row is called {', '.join(wrong)}.\nfix: see --list.", file=sys.stderr)
        return 2
    done = [_run(by_name[name], place / NAME, smoke) for name in given.row or by_name]
    return 0 if all(done) else 1


def _run(row: Row, place: Path, smoke: "measured.Smoke") -> bool:
    try:
        with progress.shown():
            result = measured.resources(row) if row.resources else measured.accuracy(row, smoke)
    except AbsentDataError as absent:
        print(f"skipped {row.name}: {absent}", file=sys.stderr)
        return False
    write_json(place / f"{row.name}.json", result)
    print(measured.line(result), flush=True)
    return True


def _bar_said(row: Row) -> str:
    if row.resources:
        return f"≤ {measured.SECONDS:g} s, ≤ {measured.MEBIBYTES:g} MiB"
    return "never worse than the baselines" if row.least is None else f"≥ {row.least} %"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("row", nargs="*", help="names of rows; none = all")
    parser.add_argument("--list", action="store_true", help="print the rows and their bars")
    parser.add_argument("--rows", type=int, help="smoke run: so many training rows of a few classes")
    parser.add_argument("--encoder", help="smoke run: another encoder, such as tfidf")
    parser.add_argument("--budget", type=float, help="smoke run: seconds to choose within")
    parser.add_argument("--out", type=Path, help="folder to write results to")
    return parser


if __name__ == "__main__":
    sys.exit(main())
