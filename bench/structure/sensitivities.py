"""What each module of an encoder is worth on a set, measured, and how well cheap scores tell it.

    python bench/structure/sensitivities.py SET... [--encoder NAME] [--harms] [--rows N]

Of each set up to 1,000 training rows fit the head, and of those the probes' steps are drawn; up to 256 rows
of val, or held out of the training rows where there are none, judge. Test rows are not read. Every module is
tuned alone for some steps, pruned by half, and rounded to 4 bits (`graphtune.sensitivity`); what is measured
lies in ``bench/work/sensitivities`` at once, and is not measured again. Beside the numbers of all modules the
result has, for each score and purpose, its rank correlation with what was measured; ``Random`` is the mean of
20 seeds. ``--harms`` measures anew what pruning and rounding do, which takes a fifth of the time, and keeps
the tuning gains that the result has. ``--rows`` only tries the script on so many rows and a few modules.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

import protocols
import surroundings
from graphtune import progress
from graphtune.artefact import write_json
from graphtune.encoder import Transformer, from_name
from graphtune.encoder.loading import load_model
from graphtune.encoder.precision import chosen_device
from graphtune.errors import GraphtuneError
from graphtune.model import TextModel, TextTask
from graphtune.sensitivity import EDITION, Probing, Rows, analysed, prepared
from graphtune.structure import ModelGraph
from graphtune.structure.rank_correlation import rank_correlation
from graphtune.structure.scores import ALL, MEASURED_COLUMNS, Measured, Purpose, Random
from graphtune.structure.weights import weight_columns
from graphtune.structure.written import structure_facts, structure_of
from graphtune.table import Table

HERE = Path(__file__).parent
RESULTS, WORK = HERE / "results", HERE.parent / "work/sensitivities"
_TOKENS = 32  # of the text that costs are told for
_SEEDS = 20  # of the score that knows nothing
_TRIED = 3  # modules of a smoke run
_DIGITS = 6


def run(name: str, encoder: str, out: Path, work: Path, *, harms: bool = False) -> None:
    """Measure one encoder on one set, and write the result; without the data say so."""
    path = out / f"{name}-{Path(encoder).name}.json"
    try:
        if harms:
            before = json.loads(path.read_text(encoding="utf-8"))
            result = with_gains(result_of(name, encoder, None, Probing(steps=0), work), before)
        else:
            result = result_of(name, encoder, None, Probing(), work)
    except protocols.AbsentDataError as absent:
        print(f"{name}: {absent}", flush=True)
        return
    write_json(path, result)
    print(line(result), flush=True)


def with_gains(result: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Return a result of harms alone with the tuning gains of one before, and what these were measured on."""
    here, old = (structure_of(json.loads(json.dumps(one["structure"]))) for one in (result, before))
    gains = MEASURED_COLUMNS["tune"]
    graph = here.with_columns({gains: old.column(gains)})
    own = before.get("gains") or {key: before[key] for key in ("seconds", "versions", "hardware", "date")}
    return result | {
        "settings": before["settings"],
        "correlations": correlations(graph),
        "structure": structure_facts(graph),
        "gains": own,
    }


def result_of(
    name: str, encoder: str, rows: int | None, settings: Probing, work: Path | None
) -> dict[str, Any]:
    """Measure one encoder on one set; with ``rows``, a few modules of it."""
    table, _ = protocols.read(protocols.Protocol(name), 0, rows)
    model, task = subject(table, encoder)
    graph, device = graph_of(model), chosen_device("auto")
    model, task = model.to(device), replace(task, device=device)
    found = analysed(
        graph, model, task, probes=None if rows is None else _TRIED, settings=settings, into=work
    )
    graph = found.graph
    return {
        "dataset": name,
        "encoder": Path(encoder).name,
        "edition": EDITION,
        "rows": {"head": len(task.train), "val": min(len(task.val), settings.val_rows)},
        "settings": {
            key: getattr(settings, key) for key in ("steps", "batch_rows", "rate", "pruned", "bits")
        },
        "seconds": {name: round(value, 2) for name, value in found.seconds.items()},
        "start_loss": None if found.start_loss is None else round(found.start_loss, _DIGITS),
        "correlations": correlations(graph),
        "structure": structure_facts(rounded(graph)),
        **surroundings.facts(),
    }


def subject(table: Table, encoder: str) -> tuple[TextModel, TextTask]:
    """Return the encoder with an empty head, and the rows that it is measured on."""
    named = from_name(encoder)
    assert isinstance(named, Transformer)
    train, val = (protocols.labelled(table, part) for part in ("train", "val"))
    rows = Rows.drawn(table.texts, table.labels, len(table.classes), train, val)
    return prepared(named, load_model(named.directory, torch.float32), rows)


def graph_of(model: TextModel) -> ModelGraph:
    """Return the transformer as a graph of its modules; the head learns in any case."""
    from graphtune.structure import read

    found = read(model.encoder.model, _TOKENS)
    return found.with_columns(weight_columns(model.encoder.model, found))


def correlations(graph: ModelGraph) -> dict[str, dict[str, float | None]]:
    """Return each score's rank correlation with what was measured, by purpose."""
    found: dict[str, dict[str, float | None]] = {}
    for purpose, column in MEASURED_COLUMNS.items():
        truth = graph.column(column)
        kinds = [kind for kind in ALL if kind is not Measured]
        found[column] = {kind.__name__: _known(_correlation(kind, graph, purpose, truth)) for kind in kinds}
    return found


def _correlation(kind: type, graph: ModelGraph, purpose: Purpose, truth: Sequence[float]) -> float:
    if kind is Random:
        every = [Random(seed).of(graph, purpose) for seed in range(_SEEDS)]
        return fmean(rank_correlation(one, truth) for one in every)
    return rank_correlation(kind().of(graph, purpose), truth)


def rounded(graph: ModelGraph) -> ModelGraph:
    """Return the graph with as many digits as a committed result needs."""
    cut = {n: [float(f"{v:.{_DIGITS}g}") for v in values] for n, values in graph.columns.items()}
    return graph.with_columns(cut)


def _known(value: float) -> float | None:
    return round(value, _DIGITS) if math.isfinite(value) else None


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    best = {}
    for column, scores in result["correlations"].items():
        known = {name: value for name, value in scores.items() if value is not None}
        name = max(known, key=lambda one: known[one], default=None)
        best[column] = "no order" if name is None else f"{name} {known[name]:.2f}"
    probed = sum(value is not None for value in result["structure"]["columns"]["pruning loss"])
    told = ", ".join(f"{column}: {said}" for column, said in best.items())
    return (
        f"{result['dataset']}, {result['encoder']}: {probed} modules in "
        f"{result['seconds']['probes']} s; best rank correlation with the {told}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the named sets; with ``--rows`` only try the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "sets", nargs="+", metavar="SET", help="a Parquet file of GRAPHTUNE_DATA, without its ending"
    )
    parser.add_argument("--encoder", default="minilm", help="minilm, or a Hugging Face directory")
    parser.add_argument("--harms", action="store_true", help="pruning and rounding alone")
    parser.add_argument("--rows", type=int, help="smoke run on so many rows; nothing is written")
    given = parser.parse_args(arguments)
    try:
        with progress.shown():
            for name in given.sets:
                if given.rows is None:
                    run(name, given.encoder, RESULTS, WORK, harms=given.harms)
                else:
                    quick = Probing(steps=2, batch_rows=8, val_rows=given.rows)
                    print(line(result_of(name, given.encoder, given.rows, quick, None)))
    except GraphtuneError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
