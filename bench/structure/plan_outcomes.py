"""What plans by different scores come to: accuracy on test rows, and what learns or is left.

    python bench/structure/plan_outcomes.py [SET...] [--purpose tune prune quantise] [--levels LEVEL...]
        [--selectors NAME...] [--seeds N] [--factors F...] [--encoder NAME] [--rows N] [--check]

Of each set up to 2,000 training rows learn, and up to 256 of val (held out of the training rows where there
are none) choose the epoch; up to 2,000 test rows judge. Selectors see no test row, and no network that
learned from this set or another of the same texts (`corpora.py`). With several factors of the step size, that
with the least loss on val rows counts. Every training lies in ``bench/work/outcomes`` at once, with versions
and hardware, and is not run again; selectors with one plan share it. What networks say is asked again when
there is more, or something else, that they can learn from. Unless more is asked for, there is tuning at 25 %,
by `DEFAULT` of rivals.py, one seed and three epochs: short questions should take about six minutes on two
cores, longer texts ten. What plans take is measured by itself (`plan_seconds.py`).

Results go to ``bench/results/structure/outcomes-SET.json``, and from there into docs/structure-plans.md and
its Chinese twin; without a SET only that. ``--check`` says whether they stand there; ``--rows`` only tries
the script.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import meta
import outcomes_page
from carried_out import Corpus, Size, carried_out
from known_modules import Known, Skipped
from levels import FREE, LEVELS, WHOLE
from rivals import DEFAULT, SELECTORS, chosen, learns, spent

import protocols
import surroundings
from graphtune import progress
from graphtune.artefact import write_json
from graphtune.errors import GraphtuneError, PlanError, TableError, TrainError
from graphtune.structure.purpose import PURPOSES, Purpose

RESULTS, WORK = Path(__file__).parents[1] / "results/structure", Path(__file__).parents[1] / "work/outcomes"
_EDITION = 2  # of what a training or a plan is: changed with it
_KEY = ("purpose", "seed", "selector", "level", "factor", "learned_from")  # the last of networks alone

Cell = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """What is to be run of a set."""

    purpose: Purpose = "tune"
    levels: tuple[str, ...] = ("25%",)
    selectors: tuple[str, ...] = DEFAULT["tune"]
    seeds: int = 1
    factors: tuple[float, ...] = (1.0,)  # of step sizes; of trainings alone
    encoder: str = "minilm"
    size: Size = field(default_factory=Size)
    rows: int | None = None  # of a smoke run

    @property
    def cells(self) -> Iterator[tuple[str, str, float]]:
        """Selectors, levels and factors; what has no budget has one level."""
        factors = self.factors if self.purpose == "tune" else (1.0,)
        for selector in self.selectors:
            levels = (WHOLE,) if selector in FREE[self.purpose] else self.levels
            yield from ((selector, level, factor) for level in levels for factor in factors)

    def keys(self, seed: int, learned_from: str) -> Iterator[Cell]:
        """What tells cells of a seed apart; those of networks by what these could learn from, too."""
        for selector, level, factor in self.cells:
            own = (learned_from,) if learns(selector) else ()
            yield dict(zip(_KEY, (self.purpose, seed, selector, level, factor, *own), strict=False))


def run(name: str, every: Sequence[Asked], out: Path | None, work: Path) -> bool:
    """Run what is asked of a set and is not there yet, and write what is known of it; False without data."""
    folder = work / _folder(name, every[0])
    learned_from = meta.digest_of(meta.cases())
    try:
        for asked in every:
            for seed in range(asked.seeds):
                missing = [key for key in asked.keys(seed, learned_from) if not _place(folder, key).is_file()]
                if missing:
                    _of_seed(name, asked, missing, folder, work)
    except (protocols.AbsentDataError, TableError) as unfit:
        print(f"skipped {name}: {unfit}", file=sys.stderr)
        return False
    if out is not None:
        path = out / _file(name, every[0].encoder)
        write_json(path, result_of(name, every[0], folder, path, learned_from))
    return True


def _of_seed(name: str, asked: Asked, missing: Sequence[Cell], folder: Path, work: Path) -> None:
    seed, now = missing[0]["seed"], surroundings.circumstances()
    corpus = Corpus.read(name, asked.encoder, seed, asked.size, asked.rows)
    known = Known(name, corpus, work / _digest(now))
    for key in missing:
        selector, level, factor = key["selector"], key["level"], key["factor"]
        try:
            choice = chosen(selector, asked.purpose, level, known, factor=factor, epochs=asked.size.epochs)
            digest = hashlib.blake2b(repr(choice.work).encode(), digest_size=12).hexdigest()
            found = _shared(folder, asked.purpose, seed, digest, now)
            found = carried_out(choice.work, corpus, asked.size) if found is None else found
            found |= {"work": digest, "spent": round(spent(choice, known, found), 4), "said": choice.said}
        except Skipped as skipped:
            print(f"{name}: {selector} is left out: {skipped}", file=sys.stderr)
            continue
        except (PlanError, TrainError) as error:  # so it is whenever it is tried
            found = {"failed": error.problem}
        if learns(selector):
            found |= {"learned_sets": ", ".join(sorted({one.dataset for one in known.others}))}
        write_json(_place(folder, key), {**key, "rows": corpus.rows, "circumstances": now, **found})
        print(line(name, {**key, **found}), flush=True)


def _shared(folder: Path, purpose: Purpose, seed: int, digest: str, now: Cell) -> Cell | None:
    """Return what the same work came to for another selector, by the same versions and hardware."""
    own = ("rows", "work", "spent", "said", "circumstances", "learned_sets", *_KEY)
    for cell in cells(folder):
        if (cell["purpose"], cell["seed"], cell.get("work")) != (purpose, seed, digest):
            continue
        if cell["circumstances"] == now:
            return {key: value for key, value in cell.items() if key not in own}
    return None


def cells(folder: Path) -> list[Cell]:
    """Return what has been run of a set."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))]


def result_of(name: str, asked: Asked, folder: Path, before: Path, learned_from: str) -> dict[str, Any]:
    """Return what is committed: what lies in ``folder``, and of the same protocol what was there before.

    Every outcome names its circumstances, which stand there once each; what was run in others stays beside
    it. Outcomes of networks that learned from something else than ``learned_from`` go where they were run
    again.
    """
    protocol = {"edition": _EDITION, **asdict(asked.size)}
    known: dict[tuple[tuple[Any, ...], str], Cell] = {}
    rows, under = {}, {}
    if before.is_file():
        old = json.loads(before.read_text(encoding="utf-8"))
        if old["protocol"] == protocol:
            known = {(_key(cell), cell["circumstances"]): cell for cell in old["outcomes"]}
            rows, under = old["rows"], dict(old["circumstances"])
    for cell in cells(folder):
        at, rows = _digest(cell["circumstances"]), cell["rows"]
        under[at] = cell["circumstances"]
        kept = {key: value for key, value in cell.items() if key not in ("work", "rows")}
        known[_key(cell), at] = {**kept, "circumstances": at}
    again = {key[:-1] for key, _ in known if key[-1] == learned_from}
    stale = [one for one in known if one[0][-1] not in ("", learned_from) and one[0][:-1] in again]
    ordered = [known[one] for one in sorted(known.keys() - stale, key=lambda one: (_order(one[0]), one[1]))]
    used = {cell["circumstances"] for cell in ordered}
    return {
        "dataset": name,
        "encoder": Path(asked.encoder).name,
        "split": "the set's own; val rows held out of the training rows where it has none",
        "rows": rows,
        "protocol": protocol,
        "seeds": sorted({cell["seed"] for cell in ordered}),
        "outcomes": ordered,
        "circumstances": {at: under[at] for at in sorted(used)},
        "date": surroundings.date(),
    }


def line(name: str, cell: Mapping[str, Any]) -> str:
    """Say one outcome in a line."""
    what = f"{name}, seed {cell['seed']}, {cell['purpose']} {cell['level']}, {cell['selector']}"
    if "failed" in cell:
        return f"{what}: failed: {cell['failed']}"
    times = "" if cell["factor"] == 1.0 else f", step size x {cell['factor']:g}"
    return f"{what}{times}: {cell['accuracy']:.2f} % ({cell['said']})"


def _key(cell: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(cell.get(name, "") for name in _KEY)


def _order(key: tuple[Any, ...]) -> tuple[Any, ...]:
    purpose, seed, selector, level, factor, learned_from = key
    return PURPOSES.index(purpose), SELECTORS[purpose].index(selector), level, factor, seed, learned_from


def _digest(told: Any) -> str:
    return hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=4).hexdigest()


def _folder(name: str, asked: Asked) -> str:
    said = repr((_EDITION, asked.size, asked.rows, asked.encoder))
    return f"{name}-{Path(asked.encoder).name}-{hashlib.blake2b(said.encode(), digest_size=6).hexdigest()}"


def _place(folder: Path, key: Cell) -> Path:
    said = {**key, "level": key["level"].strip("%"), "factor": f"{key['factor']:g}"}
    order = ("purpose", "level", "selector", "factor", "seed", "learned_from")
    return folder / f"{'-'.join(str(said[name]) for name in order if name in said)}.json"


def _file(name: str, encoder: str) -> str:
    return f"outcomes-{name}.json" if encoder == "minilm" else f"outcomes-{name}-{Path(encoder).name}.json"


def _asked(given: argparse.Namespace) -> list[Asked]:
    """Return what the command asks for, by purpose; of tuning the first level unless told otherwise.

    Raises:
        ValueError: a level or selector is of no purpose that is asked for.
    """
    found: list[Asked] = []
    for purpose in given.purpose:
        usual = tuple(LEVELS[purpose])[: 1 if purpose == "tune" else None]
        levels = tuple(one for one in given.levels if one in LEVELS[purpose]) if given.levels else usual
        wanted = tuple(one for one in given.selectors if one in SELECTORS[purpose])
        selectors = wanted if given.selectors else DEFAULT[purpose]
        if levels and selectors:
            factors = tuple(given.factors)
            found.append(
                Asked(purpose, levels, selectors, given.seeds, factors, given.encoder, Size(), given.rows)
            )
    for what, names in (("levels", LEVELS), ("selectors", SELECTORS)):
        able = list(dict.fromkeys(one for purpose in given.purpose for one in names[purpose]))
        wrong = [one for one in getattr(given, what) if one not in able]
        if wrong:
            raise ValueError(f"error: {wrong[0]} is none of the {what}.\nfix: use some of {', '.join(able)}.")
    if not found or given.seeds < 1:
        raise ValueError("error: nothing is asked for.\nfix: give levels and selectors of one purpose.")
    return found


def _tried(one: Asked) -> Asked:
    size = Size(one.rows or 0, one.rows or 0, one.rows or 0, epochs=1)
    return replace(one, size=size, seeds=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sets that are named, and put all results into the documents; with ``--rows`` only try it."""
    given = _parser().parse_args(arguments)
    if given.check:
        return outcomes_page.main(["--check"])
    try:
        every = _asked(given)
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    try:
        with progress.shown():
            if given.rows is not None:
                with tempfile.TemporaryDirectory() as folder:
                    tried = [run(one, [*map(_tried, every)], None, Path(folder)) for one in given.sets]
                return int(not all(tried))
            there = [run(name, every, RESULTS, WORK) for name in given.sets]
    except GraphtuneError as error:
        print(error, file=sys.stderr)
        return 2
    return outcomes_page.main([]) or int(not all(there))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "sets", nargs="*", metavar="SET", help="a data set of GRAPHTUNE_DATA, without its ending"
    )
    parser.add_argument("--purpose", nargs="+", choices=PURPOSES, default=["tune"])
    parser.add_argument("--levels", nargs="+", default=[], help="such as 25%% 10%%, 30%% 50%%, int8 8-4")
    parser.add_argument("--selectors", nargs="+", default=[], help="who chooses; see rivals.py")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument(
        "--factors", nargs="+", type=float, default=[1.0], help="of the step sizes; val chooses"
    )
    parser.add_argument("--encoder", default="minilm", help="minilm, or a Hugging Face directory")
    parser.add_argument("--rows", type=int, help="smoke run on so many rows; nothing is written")
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a table would")
    return parser


if __name__ == "__main__":
    sys.exit(main())
