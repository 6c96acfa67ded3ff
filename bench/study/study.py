"""The standing study: the main methods and the peers on every set, with 5, 20 and all labels a class.

    python bench/study/study.py [SET...] [--seeds N] [--budget TIME] [--no-peers] [--only NAMES] [--list]
    python bench/study/study.py --strategies SET... [--only NAMES]
    python bench/study/study.py --draws SET... [--labels 5 20 all] [--seeds N]

A result is written to ``bench/study/results/SET.json``; what is done lies in ``bench/work/study``, apart for
every state of the code, and is not done again. ``--only`` runs some methods anew, and keeps the rows of all
others that the committed result has. ``bench/study/page.py`` makes ``docs/results.md`` of it all. With
``--strategies`` the ways to tune an encoder are run instead, into ``bench/study/strategies``, for
``docs/choosing-a-strategy.md``. With ``--draws`` only graphtune's own choice and the two linear models that
it is held to are run, with five seeds, which draw few labels and order the steps of a training, into
``bench/study/draws``: where test rows are few, one seed says little.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import choosing
from sets import SETS, Set

import graphtune
import surroundings
from graphtune import progress
from graphtune.artefact import write_json
from graphtune.compare import Comparison, Offer, Settings, compare, methods
from graphtune.errors import GraphtuneError
from graphtune.plan.budget import seconds
from protocols import AbsentDataError, encoder_directory, read

HERE = Path(__file__).parent
RESULTS, STRATEGIES, DRAWS = HERE / "results", HERE / "strategies", HERE / "draws"
WORK = HERE.parent / "work/study"
PEERS = HERE.parent / "peers"
LABELS = (5, 20, None)
LIMIT_SECONDS = 60.0  # for one training, ours and the peers' alike
OURS = ("family:baseline", "propagated-smoothed", "graphtune-no-graph", "graphtune", "gcn", "graphtune-tuned")
HELD_TO = ("tfidf-lr", "embeddings-lr", "graphtune", "graphtune-tuned")
_DIGITS = 5


def run(
    one: Set, *, seeds: int, budget: float, names: Sequence[str], labels: Sequence[int | None] = LABELS
) -> Comparison:
    """Compare the methods of some names on one set.

    Raises:
        AbsentDataError: its data, or its encoder, are not there.
    """
    table, links = read(one.protocol, 0)
    encoder = _encoder(one)
    settings = Settings(seeds, tuple(labels), budget, LIMIT_SECONDS, encoder)
    offer = Offer(encoder, links is not None, nodes=len(table))
    return compare(table, methods(names, offer), WORK / code() / one.name, settings, links)


def code() -> str:
    """Return a digest of graphtune's code: scores of another state are not reused."""
    digest = hashlib.sha256()
    for file in sorted(Path(graphtune.__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def result(one: Set, found: Comparison) -> dict[str, Any]:
    """Return what is committed."""
    state = code()
    return {
        "set": one.name,
        "kind": one.kind,
        "linked": one.linked,
        "protocol": found.protocol,
        "encoder": one.directory or found.encoder,
        "rows": found.rows,
        "classes": found.classes,
        "labelled": found.labelled,
        "seeds": len(found.seeds),
        "limit_seconds": found.limit_seconds,
        "threads": found.threads,
        "table": [{**_row(asdict(row)), "code": state} for row in found.table],
        "gains": [_rounded(asdict(gain)) for gain in found.gains],
        "homophily": [_rounded(asdict(graph)) for graph in found.homophily],
        "missing": found.missing,
        **surroundings.facts(),
    }


class MeasuredOtherwiseError(Exception):
    """Rows of a result cannot stand beside those of another."""


def joined(new: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return a result with the rows of those methods that only the one in ``path`` has.

    Raises:
        MeasuredOtherwiseError: it is of other rows, seeds, time, threads or hardware.
    """
    if not path.is_file():
        return new
    old = json.loads(path.read_text(encoding="utf-8"))
    alike = ("set", "protocol", "rows", "labelled", "seeds", "limit_seconds", "threads", "hardware")
    other = [name for name in alike if _told(old, name) != _told(new, name)]
    if other:
        raise MeasuredOtherwiseError(
            f"{path} was measured otherwise ({', '.join(other)}): run the whole set anew."
        )
    fresh = {row["method"] for row in new["table"]}
    kept = [row for row in old["table"] if row["method"] not in fresh]
    found = {row["method"]: row for row in old["table"]}
    # What the graph gains is of two methods, and holds only as long as neither was run anew.
    gains = new["gains"] or ([] if fresh & {"graphtune", "graphtune-no-graph"} else old["gains"])
    order = {name: at for at, name in enumerate(dict.fromkeys([*found, *fresh]))}
    table = sorted([*kept, *new["table"]], key=lambda row: order[row["method"]])
    return new | {
        "table": table,
        "gains": gains,
        "homophily": new["homophily"] or old["homophily"],
        # What a run had no time for is missing until it is run.
        "missing": new["missing"] or (old["missing"] if any(row["accuracy"] is None for row in kept) else ""),
    }


def _told(result: dict[str, Any], name: str) -> Any:
    value = result[name]
    # Of a machine's memory a little is taken at its start, not always as much.
    return {key: one for key, one in value.items() if key != "memory_gib"} if name == "hardware" else value


def _row(row: dict[str, Any]) -> dict[str, Any]:
    # What a method does is told by its name; what was chosen for each seed would be most of the file.
    return _rounded({name: value for name, value in row.items() if name not in ("said", "chosen")})


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return round(value, _DIGITS) if value == value else None
        case dict():
            return {name: _rounded(inner) for name, inner in value.items() if name != "level"}
        case list() | tuple():
            return [_rounded(inner) for inner in value]
        case _:
            return value


def _encoder(one: Set) -> str:
    if one.directory is None:
        return "minilm"
    return str(encoder_directory(one.directory))


def main(arguments: list[str] | None = None) -> int:
    """Run the sets that are named; none = all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("set", nargs="*", help="names of sets; none = all")
    parser.add_argument("--seeds", type=int, help="how often each is trained (1; with --draws 5)")
    parser.add_argument("--budget", default="2h", help="time for one set")
    parser.add_argument("--no-peers", action="store_true", help="only what needs no other environment")
    parser.add_argument("--only", help="names of methods to run anew, with commas; the others' rows are kept")
    parser.add_argument("--labels", nargs="+", choices=("5", "20", "all"), help="some counts alone")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--strategies", action="store_true", help="compare ways to tune an encoder")
    what.add_argument("--draws", action="store_true", help="more draws of the labels, for a few methods")
    parser.add_argument("--list", action="store_true", help="print the sets")
    given = parser.parse_args(arguments)
    by_name = {one.name: one for one in SETS}
    if given.list:
        print("\n".join(by_name))
        return 0
    wrong = [name for name in given.set if name not in by_name]
    if wrong:
        print(f"error: no set is called {', '.join(wrong)}.\nfix: see --list.", file=sys.stderr)
        return 2
    names, labels, place = (
        [*OURS, *([] if given.no_peers else [str(PEERS / "methods.toml")])],
        LABELS,
        RESULTS,
    )
    if given.strategies:
        names, labels, place = list(choosing.METHODS), choosing.LABELS, STRATEGIES
    if given.draws:
        names, place = list(HELD_TO), DRAWS
    if given.labels:
        labels = [one for one in labels if ("all" if one is None else str(one)) in given.labels]
    seeds = given.seeds or (5 if given.draws else 1)
    if given.only:
        names = given.only.split(",")
    status = 0
    for name in given.set or by_name:
        one = by_name[name]
        try:
            with progress.shown():
                budget = seconds(given.budget)
                found = run(one, seeds=seeds, budget=budget, names=names, labels=labels)
        except (AbsentDataError, GraphtuneError) as error:
            print(f"skipped {name}: {error}", file=sys.stderr)
            status = 1
            continue
        path = place / f"{name}.json"
        made = result(one, found)
        try:
            write_json(path, joined(made, path) if given.only else made)
        except MeasuredOtherwiseError as other:
            print(f"error: {other}\nfix: leave --only out; what was run is not run again.", file=sys.stderr)
            status = 1
            continue
        print("\n".join(found.verdict), flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
