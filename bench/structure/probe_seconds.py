"""How much of the time of measuring every module a few probes take.

    python bench/structure/probe_seconds.py [SET...] [--encoder NAME] [--rows N]

Both begin with an encoder as it is loaded, and fit the head and take statistics, as ``graphtune analyze``
does; nothing is read from an earlier measurement. Few come first in every other set. The bar is of the
probes; that of all there is to do is told beside it. Test rows are not read.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import meta
import sensitivities

import protocols
import surroundings
from graphtune import progress
from graphtune.artefact import write_json
from graphtune.errors import GraphtuneError
from graphtune.sensitivity import Probing, analysed

RESULTS = Path(__file__).parents[1] / "results/structure"
SETS = ("trec6", "cr", "banking77", "subj", "agnews_test7600")
BAR = 0.15  # of the time of all modules, at most
_DIGITS = 4


def result_of(names: Sequence[str], encoder: str, rows: int | None = None) -> dict[str, Any]:
    """Measure a few modules and all of them, set by set."""
    settings = Probing() if rows is None else Probing(steps=2, batch_rows=8, val_rows=rows)
    by_set: dict[str, Any] = {}
    for number, name in enumerate(names):
        few, every = meta.PROBES, None
        taken = {
            probes: _seconds(name, encoder, rows, probes, settings)
            for probes in ((few, every) if number % 2 == 0 else (every, few))
        }
        by_set[name] = {
            what: {
                "few_s": round(taken[few][what], 2),
                "all_s": round(taken[every][what], 2),
                "share": round(taken[few][what] / taken[every][what], _DIGITS),
            }
            for what in ("probes", "whole")
        }
        print(f"{name}: {by_set[name]}", flush=True)
    share, whole = (median(one[what]["share"] for one in by_set.values()) for what in ("probes", "whole"))
    return {
        "encoder": Path(encoder).name,
        "probes": meta.PROBES,
        "sets": by_set,
        "median_share": share,
        "median_share_of_whole": whole,
        "bar": BAR,
        "met": share <= BAR,
        **surroundings.facts(),
    }


def _seconds(
    name: str, encoder: str, rows: int | None, probes: int | None, settings: Probing
) -> dict[str, float]:
    table, _ = protocols.read(protocols.Protocol(name), 0, rows)
    model, task = sensitivities.subject(table, encoder)
    graph = sensitivities.graph_of(model)
    start = time.monotonic()
    found = analysed(graph, model, task, probes=probes, settings=settings)
    return {"probes": found.seconds["probes"], "whole": time.monotonic() - start}


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    return (
        f"{result['probes']} probes of {result['encoder']} take {result['median_share']:.1%} of the time of "
        f"all, the median of {len(result['sets'])} sets (bar {result['bar']:.0%}), and with head and "
        f"statistics {result['median_share_of_whole']:.1%}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; with ``--rows`` only try the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"none = {', '.join(SETS)}")
    parser.add_argument("--encoder", default="minilm", help="minilm, or a Hugging Face directory")
    parser.add_argument("--rows", type=int, help="smoke run on so many rows; nothing is written")
    given = parser.parse_args(arguments)
    try:
        with progress.shown():
            result = result_of(given.sets or SETS, given.encoder, given.rows)
    except (GraphtuneError, protocols.AbsentDataError) as error:
        print(error, file=sys.stderr)
        return 2
    if given.rows is None:
        write_json(RESULTS / f"probe_seconds-{result['encoder']}.json", result)
    print(line(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
