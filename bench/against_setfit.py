"""SetFit and `fit` in the same time with few labels, three seeds.

    python bench/against_setfit.py [SET...]

Both have the packaged MiniLM, the same labelled rows (the published ones of banking77, else drawn by the
seed) and two minutes a training. SetFit goes through 20 pairs of each kind a text, as its paper does, or
through as many as there is time for; `fit` tunes the encoder. What the frozen encoder makes of the texts is
there before `fit` begins, and its seconds are told apart. New texts have no part in training (inductive). The
figures are `graphtune compare`'s; SetFit is one of the peers (``make peers``).
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import protocols
import recording
import smoke
import surroundings
from graphtune import progress
from graphtune.compare import Offer, Settings, compare, methods
from graphtune.compare.result import Row

NAME = "setfit"
LEAD, BEHIND = 3.0, -0.5  # points: on the mean at least, on none less than
SEEDS, LIMIT_SECONDS = 3, 120.0
OURS, THEIRS = "graphtune-tuned", "SetFit"
SETS = {  # labels a class; None = the published labelled rows
    "banking77": None,
    "trec6": 8,
    "agnews_test7600": 8,
}
_ENCODER, _FLAGGED, _BUDGET_SECONDS = "minilm", "few5", 3600.0
_PEERS = Path(__file__).parent / "peers/methods.toml"


def run(out: Path, names: tuple[str, ...] = tuple(SETS)) -> None:
    """Run the sets that are named, as far as the data are there."""
    found: list[dict[str, Any]] = []

    def result(name: str) -> dict[str, Any]:
        found.append(measured(name))
        return found[-1] | surroundings.circumstances()

    recording.record(out / NAME, names, result, line)
    if len(found) == len(SETS):
        leads = [one["lead"] for one in found]
        said = f"mean lead {fmean(leads):+.2f} (bar {LEAD:+}, none under {BEHIND})"
        print(f"{said}: {'' if met(leads) else 'NOT '}met")


def met(leads: Sequence[float]) -> bool:
    """Say whether the leads on all sets are as large as is aimed at."""
    return len(leads) == len(SETS) and fmean(leads) >= LEAD and min(leads) >= BEHIND


def measured(name: str) -> dict[str, Any]:
    """Return the accuracies of both on one set."""
    labels = SETS[name]
    protocol = protocols.Protocol(name, flagged=_FLAGGED if labels is None else None)
    table, _ = protocols.read(protocol, 0)
    settings = Settings(SEEDS, (labels,), _BUDGET_SECONDS, LIMIT_SECONDS, _ENCODER, jobs=1)
    offer = Offer(_ENCODER, links=False, nodes=len(table))
    with tempfile.TemporaryDirectory() as work:
        wanted = [one for one in methods([OURS, str(_PEERS)], offer) if one.name in (OURS, THEIRS)]
        found = compare(table, wanted, Path(work), settings)
    both = {row.method: _figures(row, name) for row in found.table}
    return {
        "dataset": name,
        "labels": protocol.said if labels is None else f"{labels} training rows a class, drawn by the seed",
        "protocol": found.protocol,
        "seeds": len(found.seeds),
        "limit_seconds": LIMIT_SECONDS,
        "encode_seconds": found.encode_seconds,
        "rows": found.rows,
        "labelled": found.labelled,
        "lead": round(both[OURS]["accuracy"] - both[THEIRS]["accuracy"], 2),
        "methods": both,
    }


def _figures(row: Row, dataset: str) -> dict[str, Any]:
    if row.accuracy is None:
        raise RuntimeError(f"{row.method} was not run on {dataset}: {row.note}")
    return {
        "accuracy": round(100 * row.accuracy.value, 2),
        "interval": [round(100 * value, 2) for value in (row.accuracy.low, row.accuracy.high)],
        "train_seconds": row.train_seconds,
        "note": row.note,
    }


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    ours, theirs = (result["methods"][name]["accuracy"] for name in (OURS, THEIRS))
    return f"{result['dataset']}: fit {ours}, SetFit {theirs}: {result['lead']:+.2f} points"


def main() -> int:
    """Run the sets that are named, or all."""
    with progress.shown():
        return smoke.main(__doc__, run, named="set", names=tuple(SETS))


if __name__ == "__main__":
    sys.exit(main())
