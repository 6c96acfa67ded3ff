"""Learn from measured sensitivities what modules are worth, and say how well that tells of what it never saw.

    python bench/structure/meta.py [--ship] [--check] [--processes N]

The sensitivities are those in ``bench/structure/results`` (`sensitivities.py`). Each set is held out in turn,
with all encoders and all sets of the same texts (`corpora.py`), and then each encoder with all sets; networks
that learned from the others say what is worth tuning, pruning and quantising in what is held out, before
anything is measured there and after ``PROBES`` modules are. Rank correlations are over the modules that were
not probed; what was held out counts alike in the means. The result is
``bench/results/structure/selectors.json``. ``--ship`` also writes the networks that learned from everything
to the package, and their card; ``--check`` says whether the committed result is what the sensitivities give.
"""

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from corpora import corpus_of, family_of, seen_by
from lessons import HOW, PROBES, Lesson, taught

from graphtune.artefact import write_json, written
from graphtune.sensitivity import EDITION
from graphtune.structure import ModelGraph
from graphtune.structure.gnn import INPUTS, mended, normal_scores, told_most_by
from graphtune.structure.gnn.reader import SHIPPED, Read, StructureReader, write_reader
from graphtune.structure.purpose import PURPOSES, Purpose
from graphtune.structure.rank_correlation import rank_correlation
from graphtune.structure.scores import ALL, MEASURED_COLUMNS, GradientNorm, Learned, Measured, Random
from graphtune.structure.written import structure_of

HERE = Path(__file__).parent
SENSITIVITIES, RESULT = HERE / "results", HERE.parent / "results/structure/selectors.json"
OWN = "StructureGNN"
BESIDE = f"GradientNorm, beside {PROBES} probes"  # over the modules that these leave
MEMBERS = 5
_SEEDS = 20  # of the score that knows nothing
_DIGITS = 4

Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]  # as `map` is
Correlations = dict[str, dict[str, float | None]]  # by score, then by purpose


@dataclass(frozen=True, eq=False)
class Case:
    """One encoder on one set, all modules measured."""

    dataset: str
    encoder: str
    graph: ModelGraph

    @property
    def corpus(self) -> str:
        """What the texts are from; sets may share it."""
        return corpus_of(self.dataset)

    @property
    def family(self) -> str:
        """What the encoder was made from; a cut or tuned one is hardly another."""
        return family_of(self.encoder)

    @property
    def bare(self) -> ModelGraph:
        """The graph as it is before anything is measured."""
        nothing = (math.nan,) * len(self.graph.nodes)
        return self.graph.with_columns(dict.fromkeys(MEASURED_COLUMNS.values(), nothing))


def cases(directory: Path = SENSITIVITIES) -> list[Case]:
    """Return what was measured in the way that is measured now."""
    every = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(directory.glob("*.json"))]
    found = [one for one in every if one.get("edition") == EDITION]
    return [Case(one["dataset"], one["encoder"], structure_of(one["structure"])) for one in found]


def digest_of(every: Sequence[Case]) -> str:
    """Return what changes with what networks learn from: sets, all that was measured, and how is learned."""
    how = (HOW, MEMBERS, INPUTS)
    told = sorted((one.corpus, one.dataset, one.encoder, str(one.graph)) for one in every)
    return hashlib.blake2b(repr((how, told)).encode(), digest_size=8).hexdigest()


def learned(from_: Sequence[Case], *, edges: bool = True, members: int | None = None) -> StructureReader:
    """Return networks that learned from what was measured, each from another random start."""
    every = [Lesson.of(one.graph, one.bare) for one in from_]
    seeds = range(MEMBERS if members is None else members)
    return StructureReader(tuple(taught(every, seed, edges=edges) for seed in seeds))


def held_out(every: Sequence[Case], by: str) -> Iterator[tuple[list[Case], list[Case]]]:
    """Yield what is learned from and what is held out: each value of ``corpus`` or ``family`` in turn."""
    for value in sorted({getattr(one, by) for one in every}):
        apart = [one for one in every if getattr(one, by) == value]
        rest = [one for one in every if value not in (getattr(one, by), seen_by(one.encoder))]
        if rest:
            yield rest, apart


def compared(every: Sequence[Case], by: str, each: Each = map) -> tuple[Correlations, list[dict[str, Any]]]:
    """Return mean correlations over what was held out, all of one value alike, and those of each case."""
    rows = [row for found in each(_of_fold, held_out(every, by)) for row in found]
    names = list(rows[0]["correlations"]) if rows else []
    means: Correlations = {name: {p: _mean_of(rows, name, p, by) for p in PURPOSES} for name in names}
    return means, rows


def _of_fold(fold: tuple[Sequence[Case], Sequence[Case]]) -> list[dict[str, Any]]:
    rest, apart = fold
    readers = {OWN: learned(rest), "without edges": learned(rest, edges=False)}
    found = [
        {"dataset": one.dataset, "encoder": one.encoder, "correlations": _of_case(one, rest, readers)}
        for one in apart
    ]
    print(", ".join(dict.fromkeys(one.dataset for one in apart)), "held out", file=sys.stderr, flush=True)
    return found


def _group(row: Mapping[str, Any], by: str) -> str:
    return corpus_of(row["dataset"]) if by == "corpus" else family_of(row["encoder"])


def _mean_of(rows: Sequence[Mapping[str, Any]], name: str, purpose: Purpose, by: str) -> float | None:
    groups: dict[str, list[float]] = {}
    for row in rows:
        value = row["correlations"][name][purpose]
        if value is not None:
            groups.setdefault(_group(row, by), []).append(value)
    return round(fmean(map(fmean, groups.values())), _DIGITS) if groups else None


def _of_case(one: Case, rest: Sequence[Case], readers: Mapping[str, StructureReader]) -> Correlations:
    found: Correlations = {}
    for kind in ALL:
        if kind not in (Measured, Learned):
            seeds = range(_SEEDS) if kind is Random else (0,)
            made = [Random(seed) if kind is Random else kind() for seed in seeds]
            found[kind.__name__] = {
                purpose: _mean([_correlation(score.of(one.bare, purpose), one, purpose) for score in made])
                for purpose in PURPOSES
            }
    found["the same modules on other sets"] = {
        purpose: _known(_correlation(_carried(one, rest, purpose), one, purpose)) for purpose in PURPOSES
    }
    reads = {name: reader.read(one.bare) for name, reader in readers.items()}
    for name, read in reads.items():
        found[name] = {
            purpose: _known(_correlation(read.predicted[:, at].tolist(), one, purpose))
            for at, purpose in enumerate(PURPOSES)
        }
        found[f"{name}, {PROBES} probes"] = {
            purpose: _known(_probed(read, one, purpose)) for purpose in PURPOSES
        }
    # On the modules that the networks are judged by after their probes.
    found[BESIDE] = {
        purpose: _known(
            rank_correlation(GradientNorm().of(one.bare, purpose), _parted(reads[OWN], one, purpose)[1])
        )
        for purpose in PURPOSES
    }
    return found


def _carried(one: Case, rest: Sequence[Case], purpose: Purpose) -> list[float]:
    """Return what was measured of the same modules on the sets that are not held out."""
    same = [other for other in rest if other.encoder == one.encoder]
    if not same:
        return [math.nan] * len(one.graph.nodes)
    every = [normal_scores(other.graph.column(MEASURED_COLUMNS[purpose])) for other in same]
    return [float(value) for value in np.mean(every, axis=0)]


def _probed(read: Read, one: Case, purpose: Purpose) -> float:
    measured, left = _parted(read, one, purpose)
    return rank_correlation(tuple(mended(read, purpose, np.array(measured))), left)


def _parted(read: Read, one: Case, purpose: Purpose) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return what the probes say, and the truth about all other modules; NaN elsewhere."""
    truth = np.array(one.graph.column(MEASURED_COLUMNS[purpose]))
    measured, left = np.full(len(truth), np.nan), truth.copy()
    chosen = told_most_by(read, one.graph, PROBES)  # the same for all purposes
    measured[chosen], left[chosen] = truth[chosen], np.nan
    return tuple(measured), tuple(left)


def _correlation(score: Sequence[float], one: Case, purpose: Purpose) -> float:
    return rank_correlation(tuple(map(float, score)), one.graph.column(MEASURED_COLUMNS[purpose]))


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if math.isfinite(value)]
    return round(fmean(known), _DIGITS) if known else None


def _known(value: float) -> float | None:
    return round(value, _DIGITS) if math.isfinite(value) else None


def result_of(every: Sequence[Case], each: Each = map) -> dict[str, Any]:
    """Return what is committed; ``each`` may spread what is held out over processes."""
    by_set, rows = compared(every, "corpus", each)
    by_encoder, others = compared(every, "family", each)
    return {
        "sets": sorted({one.dataset for one in every}),
        "encoders": sorted({one.encoder for one in every}),
        "probes": PROBES,
        "held_out_sets": by_set,
        "held_out_encoders": by_encoder,
        "cases": {"sets": rows, "encoders": others},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, and with ``--ship`` write the networks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--ship", action="store_true", help="write the networks and their card to the package"
    )
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if something would")
    parser.add_argument("--processes", type=int, default=1, help="that share what is held out")
    given = parser.parse_args(arguments)
    every = cases()
    if not every:
        print("There are no sensitivities yet: run bench/structure/sensitivities.py.", file=sys.stderr)
        return 2
    if given.processes > 1:
        with ProcessPoolExecutor(given.processes, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
            result = result_of(every, pool.map)
    else:
        result = result_of(every)
    if given.check:
        return int(not RESULT.is_file() or json.loads(RESULT.read_text(encoding="utf-8")) != result)
    write_json(RESULT, result)
    for held, means in (("set", result["held_out_sets"]), ("encoder", result["held_out_encoders"])):
        for name, by_purpose in means.items():
            told = ", ".join(f"{purpose} {value}" for purpose, value in by_purpose.items())
            print(f"held-out {held}: {name}: {told}")
    if given.ship:
        facts = {"sets": ", ".join(result["sets"]), "encoders": ", ".join(result["encoders"])}
        reader = learned(every)
        write_reader(reader.members, facts, SHIPPED)
        with written(SHIPPED.with_suffix(".md")) as partial:
            partial.write_text(card(result, reader), encoding="utf-8")
    return 0


def card(result: Mapping[str, Any], reader: StructureReader) -> str:
    """Return what is told of the networks that come with graphtune."""
    count = sum(parameter.numel() for member in reader.members for parameter in member.parameters())
    by_set, by_encoder = result["held_out_sets"], result["held_out_encoders"]
    names = (OWN, f"{OWN}, {PROBES} probes", "without edges", "Fisher", "GradientNorm")
    rows = []
    for name in names:
        told = [means[name][purpose] for means in (by_set, by_encoder) for purpose in PURPOSES]
        rows.append(f"| {name} | {' | '.join(map(cell, told))} |")
    heads = [f"{purpose}{where}" for where in ("", ", new encoder") for purpose in PURPOSES]
    return "\n".join(
        [
            "# StructureGNN",
            "",
            f"{len(reader.members)} networks with {count:,} weights in all that read the graph of an "
            "encoder's modules and say which are worth tuning, and which pruning and rounding harm least: an "
            "order, no amount.",
            "",
            f"- Learned from measured sensitivities of {', '.join(result['encoders'])} on "
            f"{', '.join(result['sets'])}; no test row was read. Where harm was not measured of a pair, it "
            "taught tuning alone.",
            "- Made by `python bench/structure/meta.py --ship`.",
            "- Mean rank correlation with what was measured, on sets and then on encoders held out of "
            "learning (the networks here learned from all):",
            "",
            f"| score | {' | '.join(heads)} |",
            "|---|---:|---:|---:|---:|---:|---:|",
            *rows,
            "",
        ]
    )


def cell(value: float | None) -> str:
    """Return a correlation as tables have it; nothing where there is none."""
    return "" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    torch.set_num_threads(1)  # so that sums do not depend on how many processes there are
    sys.exit(main())
