"""What a fit would take in time and memory, before it is begun."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graphtune.encoder import Transformer, from_name
from graphtune.encoder.directory import MINILM
from graphtune.plan import Plan
from graphtune.progress import shown
from graphtune.report.wording import counted, duration
from graphtune.run.fit import SHARE_TO_FIT
from graphtune.run.room import MEBIBYTE, available_bytes, most, room
from graphtune.run.work import Work, work
from graphtune.select.features import OF_BLOCKS
from graphtune.select.graphs import views_read
from graphtune.table import Links, Table

_MOSTLY = 0.5  # share of the seconds, or of the memory, from which one part is worth sparing


@dataclass(frozen=True)
class Estimate:
    """What a fit would take, against what there is."""

    rows: Mapping[str, int]  # labelled, unlabelled, val, test
    classes: int
    to_encode: int  # texts
    cached: int  # different texts that are encoded already
    seconds: Mapping[str, float]  # by stage, and in total
    search_ends: bool  # whether the search is likely to end by itself; else its seconds are at most so many
    budget_seconds: float
    memory: Mapping[str, int]  # bytes by part
    available_bytes: int | None  # None where the system does not say
    advice: tuple[str, ...]

    @property
    def peak_bytes(self) -> int:
        """Memory at the peak."""
        return sum(self.memory.values())

    @property
    def fits(self) -> bool:
        """Whether time and memory are likely to be enough."""
        enough = self.available_bytes is None or self.peak_bytes <= self.available_bytes
        return enough and self.seconds["total"] <= self.budget_seconds


def estimate(table: Table, plan: Plan, links: Links | None = None) -> Estimate:
    """Tell what `fit_table` would take, from small samples: nothing is fitted or written, the cache included.

    Raises:
        GraphtuneError: as `fit_table`, for the same tables and plans.
    """
    with shown(False):
        todo = work(table, plan, links)
        seconds, available = _seconds(todo), available_bytes()
        memory = room(todo.sizes())
        return Estimate(
            rows=todo.split,
            classes=todo.classes,
            to_encode=todo.encoder.to_encode,
            cached=todo.encoder.cached,
            seconds=seconds,
            search_ends=_ends(todo),
            budget_seconds=plan.budget_seconds,
            memory=memory,
            available_bytes=available,
            advice=tuple(_advice(todo, seconds["total"], memory, available)),
        )


def _ends(todo: Work) -> bool:
    # With many labels too little is known of how long a search takes, or of how long words are learned.
    if todo.takes_turns:
        return False
    return bool(todo.plan.candidates) or (todo.few and todo.select <= todo.left)


def _seconds(todo: Work) -> Mapping[str, float]:
    select = todo.select if _ends(todo) else max(todo.left, todo.least)
    stages = {"encode": todo.encode, "graphs": todo.graphs, "select": select, "final + evaluate": todo.rest}
    if todo.plan.tune:
        # It takes what the others leave of the budget, if it is long enough for anything.
        stages["tune, at most"] = max(0.0, SHARE_TO_FIT * todo.plan.budget_seconds - sum(stages.values()))
    return stages | {"total": sum(stages.values())}


def _advice(todo: Work, total: float, memory: Mapping[str, int], available: int | None) -> Iterator[str]:
    """Say what to do where time or memory is short."""
    budget, peak = todo.plan.budget_seconds, sum(memory.values())
    slow = total > budget
    large = available is not None and peak > available
    read = slow and todo.encoder.seconds > _MOSTLY * min(budget, todo.needed)
    graphs = todo.named if todo.plan.candidates else todo.plan.graphs
    named = OF_BLOCKS & views_read(todo.plan.candidates, graphs)
    able = todo.plan.serve_as != "encoder" and isinstance(from_name(todo.plan.encoder), Transformer)
    if (read or large) and not named and able:
        yield from _static_instead(todo, peak, read=read, large=large)
    whole = sum(room(todo.sizes(whole=True)).values())
    needs = f"; what is tried then needs about {mebibytes(whole)} of memory" if whole > peak else ""
    if slow:
        yield f"--budget {_written(todo.needed)} is likely to be enough for everything{needs}."
    elif not _ends(todo) and todo.select > todo.left:
        yield (
            "The search is likely to end before everything was tried; "
            f"--budget {_written(todo.needed)} is likely to leave it the time{needs}."
        )
    if available is not None and large:
        yield from _smaller(todo, memory, available)


def _static_instead(todo: Work, peak: int, *, read: bool, large: bool) -> Iterator[str]:
    source = todo.plan.encoder
    name = "static" if source == MINILM else f"static:{source}"
    other = todo.encoded_by(name)
    said = []
    if read:
        said += [
            f"takes about {duration(other.encoder.seconds)} to encode instead of "
            f"{duration(todo.encoder.seconds)}, {duration(_seconds(other)['total'])} in all"
        ]
    needs = sum(room(other.sizes()).values())
    if large and needs < peak:
        said += [f"needs about {mebibytes(needs)} of memory instead of {mebibytes(peak)}"]
    if said:
        frozen = " --frozen" if todo.plan.tune else ""
        yield f"--encoder {name}{frozen}, less accurate, {' and '.join(said)}."


def _smaller(todo: Work, memory: Mapping[str, int], available: int) -> Iterator[str]:
    """Say which part of the table, or of its vocabulary, memory is enough for."""

    def terms_fit(terms: int) -> bool:
        return sum(room(todo.sizes(most_terms=terms)).values()) <= available

    def rows_fit(rows: int) -> bool:
        return sum(room(todo.sizes(unlabelled=rows)).values()) <= available

    if memory["models"] > _MOSTLY * sum(memory.values()):
        terms = most(terms_fit, todo.plan.words.max_features)
        if terms:
            yield f"A plan (--plan FILE) with words = {{ max_features = {_below(terms)} }} is likely to fit."
    unlabelled = todo.split["unlabelled"]
    rows = most(rows_fit, unlabelled) if unlabelled else None
    if rows:
        yield f"With {_below(rows):,} of the {counted(unlabelled, 'unlabelled row')} it is likely to fit."
    else:
        yield "Leaving out unlabelled rows is not enough: use a machine with more memory, or fewer rows."


def mebibytes(count: int) -> str:
    """Return such as ``1,955 MiB``."""
    return f"{count / MEBIBYTE:,.0f} MiB"


def _below(count: int) -> int:
    """Return a rounder number that is not larger, two digits of it kept."""
    unit = 10 ** max(0, len(str(count)) - 2)
    return count // unit * unit


def _written(seconds: float) -> str:
    """Return a budget that is not smaller, as people write it."""
    if seconds <= 90:
        return f"{max(10, math.ceil(seconds / 10) * 10)}s"
    minutes = math.ceil(seconds / 60)
    minutes = minutes if minutes <= 20 else math.ceil(minutes / 5) * 5
    hours, rest = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{rest}m" if rest else "")
