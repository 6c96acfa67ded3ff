"""What it is worth to read several blocks of the encoder beside the last, with few labels a class.

    python bench/upper_blocks.py [SET...]

A frozen fit up to linear candidates over a graph, with the view of several blocks and as if the encoder had
none. Every draw is made of *training* rows only, as in `few_labels`; no test row is read.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import few_labels
import protocols
import recording
import smoke
import surroundings
from graphtune import progress
from graphtune.plan import Plan
from graphtune.run import fit_table

NAME = "upper_blocks"
SEEDS = (100, 101, 102)
LABELS = (5, 20)  # a class


@dataclass(frozen=True)
class Corpus:
    """A data set, and a folder of GRAPHTUNE_ENCODERS where another encoder reads it."""

    name: str
    encoder: str | None = None

    @property
    def called(self) -> str:
        """Its name among the results."""
        return self.name if self.encoder is None else f"{self.name}-{self.encoder}"


SETS = (
    *map(Corpus, ("trec6", "cr", "subj", "mr", "sst2", "snips", "atis", "banking77", "r8")),
    Corpus("trec6", "gte-small"),
    Corpus("chnsenticorp", "bge-small-zh-v1.5"),
)


def run(out: Path, names: tuple[str, ...] = ()) -> None:
    """Run the sets that are named, or all, as far as the data are there."""
    chosen = {one.called: one for one in SETS if not names or one.called in names}
    recording.record(out / NAME, chosen, lambda name: measured(chosen[name]), line)


def line(result: dict[str, Any]) -> str:
    """Say a result, a number of labels a line."""
    return "\n".join(
        f"{result['set']} {labels} labels: graph-free {found['without']['graph_free']} -> "
        f"{found['with']['graph_free']}, chosen {found['without']['chosen']} -> {found['with']['chosen']}"
        for labels, found in result["labels_a_class"].items()
    )


def measured(one: Corpus) -> dict[str, Any]:
    """Return accuracies in % of rows kept apart, and seconds of a fit, by labels a class.

    Raises:
        AbsentDataError: the data, or the encoder, are not there.
    """
    encoder = "minilm" if one.encoder is None else str(protocols.encoder_directory(one.encoder))
    table, _ = protocols.read(protocols.Protocol(one.name), 0)
    found: dict[str, dict[str, Any]] = {}
    for labels in LABELS:
        draws: dict[str, list[dict[str, float]]] = {"without": [], "with": []}
        for seed in SEEDS:
            drawn = few_labels.few(table, labels, seed)
            for how, every in draws.items():
                every.append(_fitted(drawn, encoder, seed, blocks=how == "with"))
        found[str(labels)] = {how: _mean(every) | {"drawn": every} for how, every in draws.items()}
    return {
        "set": one.name,
        "encoder": one.encoder or encoder,
        "protocol": "inductive, rows kept apart of the training rows",
        "seeds": list(SEEDS),
        "labels_a_class": found,
    } | surroundings.circumstances()


def _fitted(table: Any, encoder: str, seed: int, *, blocks: bool) -> dict[str, float]:
    plan = Plan(encoder, up_to="graph", seed=seed, keep_rare=True)
    if blocks:
        outcome = fit_table(table, plan=plan, into=None).outcome
    else:
        with patch("graphtune.select.features.upper_blocks", return_value=()):
            outcome = fit_table(table, plan=plan, into=None).outcome
    assert outcome.test is not None
    assert outcome.test_graph_free is not None
    return {
        "chosen": round(100 * outcome.test.accuracy, 2),
        "graph_free": round(100 * outcome.test_graph_free.accuracy, 2),
        # Not those of the encoding, which the cache may hold.
        "seconds": round(sum(outcome.seconds[stage] for stage in ("graphs", "select", "final")), 1),
    }


def _mean(every: list[dict[str, float]]) -> dict[str, Any]:
    return {name: round(float(np.mean([one[name] for one in every])), 2) for name in every[0]}


def main() -> int:
    """Run the sets that are named, or all."""
    with progress.shown():
        return smoke.main(__doc__, run, named="set", names=tuple(one.called for one in SETS))


if __name__ == "__main__":
    sys.exit(main())
