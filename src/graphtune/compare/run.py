"""The whole comparison: from a table to a directory of results."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from graphtune.artefact import check_directory, locked, write_json
from graphtune.compare.conditions import Cell, Conditions
from graphtune.compare.draw import counts_offered, divided, judging, labelled_rows
from graphtune.compare.encoded import fill_cache
from graphtune.compare.judge import Judge, homophily
from graphtune.compare.method import Method
from graphtune.compare.result import Comparison, Row, key
from graphtune.compare.schedule import Schedule
from graphtune.compare.scores import Scores
from graphtune.compare.settings import Settings
from graphtune.compare.shown import minutes
from graphtune.compare.surroundings import hardware, versions
from graphtune.compare.verdict import verdict
from graphtune.errors import OutputError, PlanError
from graphtune.progress import say
from graphtune.report.wording import counted, duration
from graphtune.table import Links, Table
from graphtune.table.digest import digest_of

_MARK = "comparison.json"  # tells a folder of ours
_LEAST_THREADS = 2  # a training gets, where there are so many cores


def compare(
    table: Table,
    methods: Sequence[Method],
    into: Path,
    settings: Settings | None = None,
    links: Links | None = None,
) -> Comparison:
    """Run every method with every label count and seed, and write what came of it under ``into``.

    What an earlier run of the same comparison has finished is not run again, whatever ended it.

    Raises:
        TableError: fewer than two classes have labelled training rows, or no labelled row is left to judge.
        PlanError: the budget is too small for anything, or nothing that was run succeeded.
        EncoderError: the encoder is not there.
        OutputError: ``into`` holds other files or the comparison of another table, another process is at it,
            or it cannot be written to.
    """
    asked = Settings() if settings is None else settings
    check_place(into)
    table = divided(table, 0)
    jobs, threads = _shares(asked.jobs)
    conditions = Conditions(table, links, asked.encoder, asked.transductive, asked.limit_seconds, threads)
    with locked(into, "comparison"):
        _mark(into, table, links)
        return _compare(conditions, methods, into, asked, jobs)


def _compare(
    conditions: Conditions, methods: Sequence[Method], into: Path, asked: Settings, jobs: int
) -> Comparison:
    start, table = time.monotonic(), conditions.table
    counts, notes = counts_offered(table, asked.labels)
    for note in notes:
        say(f"note: {note}")
    read = any(method.reads_meaning for method in methods)
    encoded, encode_seconds = fill_cache(conditions, asked.budget_seconds, methods) if read else (0, None)
    ordered = sorted(methods, key=lambda method: method.rank)
    cells = [
        Cell(method, count, seed) for seed in range(asked.seeds) for method in ordered for count in counts
    ]
    truth = table.labels[judging(table)]
    schedule = Schedule(cells, conditions, into / "cells", start + asked.budget_seconds, jobs, truth)
    schedule.run()
    if not schedule.found:
        raise _nothing(schedule, asked)
    return _judged(schedule, methods, counts, asked, (encoded, encode_seconds), notes)


def check_place(into: Path) -> None:
    """Refuse a place that holds anything but a comparison.

    Raises:
        OutputError: it has other files in it, it or a part of its path is a file, or there is no permission.
    """
    check_directory(into, _MARK, "comparison")


def _mark(into: Path, table: Table, links: Links | None) -> None:
    """Mark the folder as this table's, so that the report of another one is not lost."""
    own = {"comparison": 1, "table": digest_of(table, links).hex()}
    file = into / _MARK
    if not file.is_file():
        write_json(file, own)
        return
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        known = None
    if known != own:
        raise OutputError(
            f"{into} holds the comparison of another table, or of other links; it was left as it is.",
            fix="choose another directory: --into DIR.",
        )


def _shares(jobs: int | None) -> tuple[int, int]:
    """Return trainings at once, and threads of each: the same for all, so that times can be compared."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    at_once = max(1, cores // _LEAST_THREADS) if jobs is None else jobs
    return at_once, max(1, cores // at_once)


def _nothing(schedule: Schedule, asked: Settings) -> PlanError:
    if schedule.failed:
        cell, problem = next(iter(schedule.failed.items()))
        return PlanError(
            f"Nothing that was run succeeded; {cell.method.name}: {problem}", fix="mend that, and run again."
        )
    return PlanError(
        f"A budget of {duration(asked.budget_seconds)} is too small: no training was begun.",
        fix="give more, such as --budget 10m; what is done by then is kept.",
    )


def _judged(
    schedule: Schedule,
    methods: Sequence[Method],
    counts: Sequence[int | None],
    asked: Settings,
    encoding: tuple[int, float | None],
    notes: Sequence[str],
) -> Comparison:
    conditions, table = schedule.conditions, schedule.conditions.table
    judge = Judge(schedule.truth, len(table.classes))
    rows: list[tuple[Row, ...]] = []
    gains, joined, best = [], [], {}
    labelled = {key(count): labelled_rows(table, count) for count in counts}
    for count in counts:
        scores = {method.name: _by_seed(schedule, method, count) for method in methods}
        own = [
            judge.row(method, count, scores[method.name], _note(schedule, method, count))
            for method in methods
        ]
        told, best[key(count)] = judge.compared(own, scores)
        rows.append(told)
        gains += [gain for gain in [judge.gain(count, scores)] if gain is not None]
        joined += homophily(count, [one for by_seed in scores.values() for one in by_seed.values()])
    parts = table.split
    return Comparison(
        protocol="transductive" if conditions.transductive else "inductive",
        encoder=conditions.encoder,
        rows={
            "train": parts.count("train"),
            "val": parts.count("val"),
            "test": len(schedule.truth),
        },
        classes=len(table.classes),
        counts=tuple(counts),
        labelled=labelled,
        seeds=tuple(range(asked.seeds)),
        limit_seconds=conditions.limit_seconds,
        threads=conditions.threads,
        encode_seconds=encoding[1],
        encoded=encoding[0],
        table=tuple(row for own in rows for row in own),
        best_baseline=best,
        gains=tuple(gains),
        homophily=tuple(joined),
        verdict=verdict(rows, gains, list(best.values()), labelled),
        notes=(*(note.text for note in table.notes), *notes),
        missing=_left_out(schedule),
        versions=versions(),
        hardware=hardware(),
    )


def _by_seed(schedule: Schedule, method: Method, count: int | None) -> Mapping[int, Scores]:
    return {
        cell.seed: scores
        for cell, scores in schedule.found.items()
        if (cell.method, cell.labels) == (method, count)
    }


def _note(schedule: Schedule, method: Method, count: int | None) -> str:
    def own(cells: Sequence[Cell]) -> list[Cell]:
        return [cell for cell in cells if (cell.method, cell.labels) == (method, count)]

    failed, late = own(list(schedule.failed)), own(schedule.left_out)
    said = []
    if failed:
        said.append(f"failed ({len(failed)}): {schedule.failed[failed[0]]}")
    if late:
        said.append(f"no time for {counted(len(late), 'seed')}")
    return "; ".join(said)


def _left_out(schedule: Schedule) -> str:
    if not schedule.left_out:
        return ""
    more = minutes(1.2 * schedule.remaining(schedule.left_out))
    return (
        f"The budget had no time for {counted(len(schedule.left_out), 'training')}; run it again with "
        f"--budget {more} to add what is missing: what is done is kept."
    )
