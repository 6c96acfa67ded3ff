"""How much of the time of tuning everything each way of tuning takes.

    python bench/structure/plan_seconds.py [SET...] [--rows N]

The same trainings as in `plan_outcomes.py` (seed 0, 25 % of the parameters, three epochs, judged by val rows
after each), and full fine-tuning of the same rows as Hugging Face's Trainer does it (`full_tuning.py`), in
float32 and without a cache. Each begins with the encoder as it is loaded, and encodes for itself. The first
to run is another one in every set. Test rows are not read.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from carried_out import Corpus, Size, Tuning, trained
from known_modules import Known
from levels import FREE, WHOLE
from rivals import chosen

import recording
import smoke
import surroundings
from full_tuning import full_tuning
from graphtune import progress
from graphtune.encoder import Cache
from graphtune.table import from_lists

NAME = "structure/plan_seconds"
ENCODER = "minilm"
SETS = ("trec6", "cr", "banking77", "subj", "snips")
SELECTORS = ("full", "last-k", "usual-quick", "lora-uniform")
_LEVEL = "25%"
_DIGITS = 4


def run(out: Path, names: Sequence[str] = SETS) -> None:
    """Measure every data set that is there, and write the results."""
    recording.record(out / NAME, names, measured, line)


def measured(name: str, rows: int | None = None) -> dict[str, Any]:
    """Measure every way of tuning on one set."""
    size = Size() if rows is None else Size(rows, rows, rows, epochs=1)
    corpus = Corpus.read(name, ENCODER, 0, size, rows)
    known = Known(name, corpus, None)
    at = SETS.index(name) % len(SELECTORS)
    taken = {one: _seconds(one, known, size) for one in SELECTORS[at:] + SELECTORS[:at]}
    trainer = _trainer(corpus)
    return {
        "dataset": name,
        "encoder": Path(ENCODER).name,
        "level": _LEVEL,
        "rows": corpus.rows,
        "seconds": {one: round(taken[one], 2) for one in SELECTORS} | {"trainer": trainer},
        "share": {one: round(taken[one] / taken["full"], _DIGITS) for one in SELECTORS},
        "share_of_trainer": {one: round(taken[one] / trainer, _DIGITS) for one in SELECTORS},
        **surroundings.facts(),
    }


def _seconds(selector: str, known: Known, size: Size) -> float:
    """Return the seconds to choose and to tune; what every way needs is there before the clock runs."""
    corpus, level = known.corpus, WHOLE if selector in FREE["tune"] else _LEVEL
    assert known.bare
    assert corpus.encoder.loaded
    start = time.monotonic()
    work = chosen(selector, "tune", level, known, epochs=size.epochs).work
    assert isinstance(work, Tuning)
    with tempfile.TemporaryDirectory() as folder, torch.random.fork_rng(devices=[]):
        trained(work, corpus, size, Cache(Path(folder)))
    return time.monotonic() - start


def _trainer(corpus: Corpus) -> float:
    """Return the seconds of Hugging Face's Trainer, to learn and to read the val rows once."""
    shown = corpus.shown
    labels = [f"class {label}" for label in shown.labels.tolist()]
    split = ["train"] * len(shown.learn) + ["test"] * len(shown.judge)
    table = from_lists(list(shown.texts), labels, split=split, keep_rare=True)
    return float(full_tuning(table, corpus.encoder.directory)["seconds"])


def summed(results: Sequence[dict[str, Any]], what: str = "share") -> dict[str, float]:
    """Return the medians over the sets of a share, by selector."""
    if not results:
        return {}
    return {one: median(result[what][one] for result in results) for one in SELECTORS}


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    shares = ", ".join(
        f"{one} {share:.0%} ({result['share_of_trainer'][one]:.0%} of Trainer's)"
        for one, share in result["share"].items()
    )
    return f"{result['dataset']}: {shares}"


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
