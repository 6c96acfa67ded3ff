"""Learn from measured sensitivities what modules are worth, and say how well that tells of what it never saw.

    python bench/structure/meta.py [--ship] [--check]

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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from corpora import corpus_of, family_of, seen_by

from graphtune.artefact import write_json, written
from graphtune.sensitivity import EDITION
from graphtune.structure import ModelGraph
from graphtune.structure.gnn import (
    INPUTS,
    Likeness,
    StructureGNN,
    inputs,
    mended,
    normal_scores,
    relations_of,
    told_most_by,
)
from graphtune.structure.gnn.likeness import USUAL
from graphtune.structure.gnn.reader import SHIPPED, Read, StructureReader, write_reader
from graphtune.structure.purpose import PURPOSES, Purpose
from graphtune.structure.rank_correlation import rank_correlation
from graphtune.structure.scores import ALL, MEASURED_COLUMNS, GradientNorm, Learned, Measured, Random
from graphtune.structure.written import structure_of

HERE = Path(__file__).parent
SENSITIVITIES, RESULT = HERE / "results", HERE.parent / "results/structure/selectors.json"
PROBES = 8
OWN = "StructureGNN"
BESIDE = f"GradientNorm, beside {PROBES} probes"  # over the modules that these leave
APART = f"{OWN}, {PROBES} probes, likeness chosen on the others"
GRID = tuple(
    Likeness(seen, both, far, noise)
    for seen in (1.0, 2.0, 3.0)
    for both in (0.0, 1.0, 2.0)
    for far in (0.2, 0.3, 0.4, 0.6)
    for noise in (0.1, 0.3)
)
MEMBERS = 5
_WIDTH, _DEPTH, _EPOCHS, _RATE, _DECAY, _DROP = 24, 2, 300, 3e-3, 1e-2, 0.2
_SEEDS = 20  # of the score that knows nothing
_DIGITS = 4

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
    how = (_WIDTH, _DEPTH, _EPOCHS, _RATE, _DECAY, _DROP, MEMBERS, PROBES, INPUTS)
    told = sorted((one.corpus, one.dataset, one.encoder, str(one.graph)) for one in every)
    return hashlib.blake2b(repr((how, told)).encode(), digest_size=8).hexdigest()


def learned(from_: Sequence[Case], *, edges: bool = True, members: int | None = None) -> StructureReader:
    """Return networks that learned the normal scores of what was measured, all cases in each step."""
    x, relations = torch.cat([inputs(one.bare) for one in from_]), relations_of(*(one.graph for one in from_))
    models = torch.arange(len(from_)).repeat_interleave(torch.tensor([len(one.graph.nodes) for one in from_]))
    every = [_targets(one.graph) for one in from_]
    target, shares = torch.cat(every), _shares(every)
    known = target.isfinite()
    made = []
    for seed in range(MEMBERS if members is None else members):
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            network = StructureGNN(len(INPUTS), _WIDTH, _DEPTH, edges=edges).train()
            optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_DECAY)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _EPOCHS)
            for _ in range(_EPOCHS):
                optimiser.zero_grad()
                off = (network(x, relations, _DROP, models) - target)[known]
                (off.square() * shares[known]).sum().backward()
                optimiser.step()
                schedule.step()
            made.append(network.eval())
    return StructureReader(tuple(made))


def _targets(graph: ModelGraph) -> torch.Tensor:
    every = [normal_scores(graph.column(MEASURED_COLUMNS[purpose])) for purpose in PURPOSES]
    return torch.from_numpy(np.column_stack(every).astype(np.float32))


def _shares(targets: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return what each number counts: every case alike, however many it has, and what is NaN nothing."""
    return torch.cat([one.isfinite() / one.isfinite().sum().clamp(min=1) / len(targets) for one in targets])


def held_out(every: Sequence[Case], by: str) -> Iterator[tuple[list[Case], list[Case]]]:
    """Yield what is learned from and what is held out: each value of ``corpus`` or ``family`` in turn."""
    for value in sorted({getattr(one, by) for one in every}):
        apart = [one for one in every if getattr(one, by) == value]
        rest = [one for one in every if value not in (getattr(one, by), seen_by(one.encoder))]
        if rest:
            yield rest, apart


def compared(every: Sequence[Case], by: str) -> tuple[Correlations, list[dict[str, Any]]]:
    """Return mean correlations over what was held out, all of one value alike, and those of each case."""
    rows: list[dict[str, Any]] = []
    tried: list[list[float]] = []  # by row and setting
    for rest, apart in held_out(every, by):
        readers = {OWN: learned(rest), "without edges": learned(rest, edges=False)}
        for one in apart:
            found = _of_case(one, rest, readers)
            rows.append({"dataset": one.dataset, "encoder": one.encoder, "correlations": found})
            read = readers[OWN].read(one.bare)
            tried.append([_probed(read, one, "tune", how) for how in GRID])
    # No set chose its own setting, though the networks that others chose by had learned from it.
    for row, best in zip(rows, _chosen_apart(rows, tried, by), strict=True):
        row["correlations"][APART] = {"tune": best, "prune": None, "quantise": None}
    names = list(rows[0]["correlations"]) if rows else []
    means: Correlations = {name: {p: _mean_of(rows, name, p, by) for p in PURPOSES} for name in names}
    return means, rows


def _chosen_apart(
    rows: Sequence[Mapping[str, Any]], tried: Sequence[Sequence[float]], by: str
) -> list[float | None]:
    """Return each row's correlation by the setting of `GRID` that is best for tuning in all other groups."""
    groups = np.array([_group(row, by) for row in rows])
    values, found = np.array(tried), []
    told = np.isfinite(values).any(axis=1)  # of the others tuning gains were not measured
    means = {
        name: np.nanmean(values[told & (groups == name)], axis=0) for name in dict.fromkeys(groups[told])
    }
    for group, own in zip(groups, values, strict=True):
        others = [mean for name, mean in means.items() if name != group]
        mean = np.nanmean(others, axis=0) if others else np.array([np.nan])
        found.append(_known(float(own[int(np.nanargmax(mean))])) if np.isfinite(mean).any() else None)
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


def _probed(read: Read, one: Case, purpose: Purpose, how: Likeness = USUAL) -> float:
    measured, left = _parted(read, one, purpose, how)
    return rank_correlation(tuple(mended(read, one.graph, purpose, np.array(measured), how)), left)


def _parted(
    read: Read,
    one: Case,
    purpose: Purpose,
    how: Likeness = USUAL,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return what the probes say, and the truth about all other modules; NaN elsewhere."""
    truth = np.array(one.graph.column(MEASURED_COLUMNS[purpose]))
    measured, left = np.full(len(truth), np.nan), truth.copy()
    chosen = told_most_by(read, one.graph, PROBES, how)  # the same for all purposes
    measured[chosen], left[chosen] = truth[chosen], np.nan
    return tuple(measured), tuple(left)


def _correlation(score: Sequence[float], one: Case, purpose: Purpose) -> float:
    return rank_correlation(tuple(map(float, score)), one.graph.column(MEASURED_COLUMNS[purpose]))


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if math.isfinite(value)]
    return round(fmean(known), _DIGITS) if known else None


def _known(value: float) -> float | None:
    return round(value, _DIGITS) if math.isfinite(value) else None


def result_of(every: Sequence[Case]) -> dict[str, Any]:
    """Return what is committed."""
    by_set, rows = compared(every, "corpus")
    by_encoder, others = compared(every, "family")
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
    given = parser.parse_args(arguments)
    every = cases()
    if not every:
        print("There are no sensitivities yet: run bench/structure/sensitivities.py.", file=sys.stderr)
        return 2
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
    sys.exit(main())
