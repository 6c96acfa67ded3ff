"""How much of the time of measuring every module of MiniLM a few probes take.

    python bench/structure/probe_seconds.py [SET...] [--rows N]

Both begin with the encoder as it is loaded, and fit the head and take statistics, as ``graphtune analyze``
does; nothing is read from an earlier measurement. Few come first in every other set. The bar is of the
probes; that of all there is to do is told beside it. Test rows are not read.
"""

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
import recording
import smoke
import surroundings
from graphtune import progress
from graphtune.sensitivity import Probing, analysed

NAME = "structure/probe_seconds"
ENCODER = "minilm"
SETS = ("trec6", "cr", "banking77", "subj", "agnews_test7600")
BAR = 0.15  # of the time of all modules, at most
_DIGITS = 4


def run(out: Path, names: Sequence[str] = SETS) -> None:
    """Measure every data set that is there, and write the results."""
    recording.record(out / NAME, names, measured, line)


def measured(name: str, rows: int | None = None) -> dict[str, Any]:
    """Measure a few modules and all of them."""
    settings = Probing() if rows is None else Probing(steps=2, batch_rows=8, val_rows=rows)
    few, every = meta.PROBES, None
    taken = {
        probes: _seconds(name, rows, probes, settings)
        for probes in ((few, every) if SETS.index(name) % 2 == 0 else (every, few))
    }
    times = {
        what: {
            "few_s": round(taken[few][what], 2),
            "all_s": round(taken[every][what], 2),
            "share": round(taken[few][what] / taken[every][what], _DIGITS),
        }
        for what in ("probes", "whole")
    }
    return {"dataset": name, "encoder": Path(ENCODER).name, "few": few, **times, **surroundings.facts()}


def _seconds(name: str, rows: int | None, probes: int | None, settings: Probing) -> dict[str, float]:
    table, _ = protocols.read(protocols.Protocol(name), 0, rows)
    model, task = sensitivities.subject(table, ENCODER)
    graph = sensitivities.graph_of(model)
    start = time.monotonic()
    found = analysed(graph, model, task, probes=probes, settings=settings)
    return {"probes": found.seconds["probes"], "whole": time.monotonic() - start}


def summed(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians over the sets, and whether the bar is met."""
    share, whole = (median(one[what]["share"] for one in results) for what in ("probes", "whole"))
    return {"sets": len(results), "share": share, "share_of_whole": whole, "bar": BAR, "met": share <= BAR}


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    probes, whole = result["probes"], result["whole"]
    return (
        f"{result['dataset']}: {result['few']} probes of {result['encoder']} take {probes['share']:.1%} of "
        f"the time of all (bar {BAR:.0%}), and with head and statistics {whole['share']:.1%}"
    )


def main() -> int:
    """Measure; with ``--rows`` only try the script."""
    with progress.shown():
        return smoke.main(
            __doc__,
            run,
            lambda name, rows: line(measured(name, rows)),
            sizes=smoke.ROWS,
            named="set",
            names=SETS,
        )


if __name__ == "__main__":
    sys.exit(main())
