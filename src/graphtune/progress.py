"""Progress of long work, on standard error: a bar on a terminal, a line now and then elsewhere.

Silent unless the command (or ``verbose=True`` in Python) turns it on.
"""

import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, runtime_checkable

_shown: ContextVar[bool] = ContextVar("graphtune_progress_shown", default=False)
_SECONDS_BETWEEN_LINES = 10.0


@runtime_checkable
class Bar(Protocol):
    """What long work reports to."""

    def advance(self, done: float) -> None:
        """Add ``done`` units to what is done."""
        ...


@contextmanager
def shown(on: bool = True) -> Iterator[None]:
    """Turn progress on (or off) inside the block."""
    token = _shown.set(on)
    try:
        yield
    finally:
        _shown.reset(token)


def say(message: str) -> None:
    """Write one line of what is happening to standard error, if progress is shown."""
    if _shown.get():
        print(message, file=sys.stderr, flush=True)


def warn(message: str) -> None:
    """Tell the user of what went wrong and cost nothing; a Python warning, if progress is not shown."""
    if _shown.get():
        say(f"warning: {message}")
    else:
        warnings.warn(message, RuntimeWarning, stacklevel=2)


@contextmanager
def bar(what: str, total: float, unit: str) -> Iterator[Bar]:
    """Show how far ``what`` has come: ``total`` units, rate and remaining time."""
    if not _shown.get() or total <= 0:
        yield _Silent()
    elif sys.stderr.isatty():
        with _rich(what, total, unit) as live:
            yield live
    else:
        yield _Lines(what, total, unit)


class _Silent:
    def advance(self, done: float) -> None:
        pass


class _Lines:
    def __init__(self, what: str, total: float, unit: str) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.done, self.start = 0.0, time.monotonic()
        self.last = self.start

    def advance(self, done: float) -> None:
        self.done += done
        now = time.monotonic()
        if now - self.last >= _SECONDS_BETWEEN_LINES:
            self.last = now
            rate = self.done / (now - self.start)
            left = (self.total - self.done) / rate if rate else float("inf")
            so_far = f"{self.done:.0f}/{self.total:.0f} {self.unit}"
            say(f"{self.what}: {so_far}, {_said(rate)}/s, {left:.0f} s left")


def _said(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.2g}"


class _Live:
    def __init__(self, live: "object", task: "object") -> None:
        self.live, self.task = live, task

    def advance(self, done: float) -> None:
        self.live.advance(self.task, done)  # type: ignore[attr-defined]


@contextmanager
def _rich(what: str, total: float, unit: str) -> Iterator[_Live]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Task as RichTask
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: RichTask) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{_said(speed)} {unit}/s" if speed else f"– {unit}/s", style="cyan")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as live:
        yield _Live(live, live.add_task(what, total=total))
