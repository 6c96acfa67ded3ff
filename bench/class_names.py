"""What it is worth to read the names of classes as texts, with five labels a class.

    python bench/class_names.py [SET...]

Two models, each with and without names: logistic regression on the encoder's features, and propagated
features, smoothed. Rows that are not drawn for a label stay in as unlabelled texts. Nothing is chosen. The
names are what the sets call their classes; those of trec6 and r8 are mostly no words.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import protocols
import recording
import smoke
import surroundings
from graphtune import progress
from graphtune.plan import Plan
from graphtune.run import fit_table
from graphtune.select import Candidate, Probe, Propagated, Smoothed

NAME = "class_names"
SEEDS = (0, 1, 2)
LABELS = 5  # a class
MODELS: dict[str, Candidate] = {
    "embeddings-lr": Probe("meaning", 10.0),
    "propagated-smoothed": Smoothed(Propagated("meaning", "meaning"), "meaning"),
}


@dataclass(frozen=True)
class Corpus:
    """A data set, and a folder of GRAPHTUNE_ENCODERS where the usual encoder cannot read it."""

    name: str
    directory: str | None = None


_CHINESE = "bge-small-zh-v1.5"
SETS = (
    *map(Corpus, ("banking77", "clinc150", "snips", "atis", "trec6", "trec50", "agnews_test7600", "r8")),
    *map(Corpus, ("20ng", "dbpedia14k", "cr", "sst2", "subj", "mr", "cora", "citeseer", "webkb")),
    Corpus("smp2019", _CHINESE),
)


def run(out: Path, names: tuple[str, ...] = ()) -> None:
    """Run the sets that are named, or all, as far as the data are there."""
    chosen = {one.name: one for one in SETS if not names or one.name in names}

    def result(name: str) -> dict[str, Any]:
        found = measured(chosen[name])
        return found | surroundings.circumstances()

    recording.record(out / NAME, chosen, result, line)


def line(result: dict[str, Any]) -> str:
    """Say a result, a model a line."""
    return "\n".join(
        f"{result['set']} {name}: {found['without']} without, {found['with']} with names"
        for name, found in result["models"].items()
    )


def measured(one: Corpus) -> dict[str, Any]:
    """Return the test accuracies in %, by seed.

    Raises:
        AbsentDataError: the data, or the encoder, are not there.
    """
    encoder = "minilm" if one.directory is None else str(protocols.encoder_directory(one.directory))
    drawn: dict[str, dict[str, list[float]]] = {name: {"without": [], "with": []} for name in MODELS}
    for seed in SEEDS:
        table, _ = protocols.read(protocols.Protocol(one.name, per_class=LABELS), seed)
        for name, candidate in MODELS.items():
            for how in ("without", "with"):
                plan = Plan(
                    encoder,
                    candidates=(candidate,),
                    exactly=True,
                    seed=seed,
                    keep_rare=True,
                    class_names=how == "with",
                )
                test = fit_table(table, plan=plan, into=None, tells_unknown=False).outcome.test
                assert test is not None
                drawn[name][how].append(round(100 * test.accuracy, 2))
    return {
        "set": one.name,
        "encoder": one.directory or encoder,
        "protocol": "inductive",
        "labels_a_class": LABELS,
        "seeds": list(SEEDS),
        "models": {
            name: {how: round(float(np.mean(every)), 2) for how, every in found.items()} | {"drawn": found}
            for name, found in drawn.items()
        },
    }


def main() -> int:
    """Run the sets that are named, or all."""
    with progress.shown():
        return smoke.main(__doc__, run, named="set", names=tuple(one.name for one in SETS))


if __name__ == "__main__":
    sys.exit(main())
