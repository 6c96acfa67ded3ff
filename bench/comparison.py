"""How long the usual comparison takes, and whether it says what is so.

    python bench/comparison.py

`graphtune compare` with its default methods and three seeds on the bundled banking77, 5 labelled questions a
class, with an empty cache on two cores: every row must be filled, and the verdict on the graph must be that
of its figures.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import measured
import protocols
import surroundings
import timed
from graphtune.artefact import write_json

NAME = "comparison"
SEEDS = 3
MOST_SECONDS = 600.0
RESULTS = Path(__file__).parent / "results"


def run(out: Path) -> None:
    """Measure, and write the result."""
    found = result(protocols.BUNDLED, "--seeds", str(SEEDS))
    write_json(out / NAME / "banking77-few5.json", found)
    print(line(found), flush=True)


def result(table: Path, *options: str) -> dict[str, Any]:
    """Run the command; return what it took and what it came to.

    Raises:
        RuntimeError: it failed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "graphtune", "compare", str(table), *options]
        own = {**os.environ, "GRAPHTUNE_CACHE": str(folder / "cache")}
        facts = timed.in_own_process(
            [*command, "--into", str(folder / "out")], cores=measured.CORES, environment=own
        )
        saved = json.loads((folder / "out/results.json").read_text(encoding="utf-8"))
    filled = [row for row in saved["table"] if row["accuracy"] is not None]
    every = len(filled) == len(saved["table"]) and all(row["seeds"] == len(saved["seeds"]) for row in filled)
    gain = saved["gains"][-1]["points"]
    unsure = ("makes no sure difference", "does not help")
    says = ("helps by",) if gain["low"] > 0 else ("hurts by",) if gain["high"] < 0 else unsure
    right = saved["verdict"][0].removeprefix("The graph ").startswith(says)
    return {
        "command": f"graphtune compare {table.name} {' '.join(options)}",
        "bar": {"seconds": MOST_SECONDS},
        "seconds": facts["seconds"],
        "cores": facts["cores"],
        "filled": every,
        "verdict": saved["verdict"],
        "verdict_right": right,
        "gain": [round(gain[name], 3) for name in ("value", "low", "high")],
        "met": facts["seconds"] <= MOST_SECONDS and every and right,
        "rows": [_row(row) for row in filled],
        "encode_seconds": saved["encode_seconds"],
        **surroundings.facts(),
    }


def line(found: dict[str, Any]) -> str:
    """Say a result in one line."""
    met = "met" if found["met"] else "NOT met"
    return (
        f"comparison: {found['seconds']} s (bar {found['bar']['seconds']:g} s: {met}); {found['verdict'][0]}"
    )


def _row(row: dict[str, Any]) -> dict[str, Any]:
    accuracy = {name: round(100 * row["accuracy"][name], 2) for name in ("value", "low", "high")}
    seconds = round(row["train_seconds"], 2)
    return {"method": row["method"], "accuracy": accuracy, "train_seconds": seconds, "note": row["note"]}


if __name__ == "__main__":
    run(RESULTS)
