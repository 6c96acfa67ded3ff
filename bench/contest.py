"""Several ways to do one thing, timed in turn, each in a process of its own.

Each way prepares once, and is then asked again and again while the others wait, so that a machine that
becomes slower does so for all. Peak memory is that of the way's own process.
"""

import multiprocessing
import re
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

Work = Callable[[], Any]


@dataclass(frozen=True)
class Way:
    """A name, and a function of a module that prepares and returns what is timed."""

    name: str
    prepare: Callable[..., Work]
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Timed:
    """What one way took."""

    seconds: tuple[float, ...]  # of each turn
    peak_mib: float  # of the process, preparation included
    prepared_mib: float  # the same before the first turn
    told: Any  # what the work returned last

    @property
    def median(self) -> float:
        """The median of the seconds."""
        return statistics.median(self.seconds)

    def facts(self) -> dict[str, Any]:
        """Return what a result says of it."""
        return {
            "median_s": round(self.median, 5),
            "all_s": [round(one, 5) for one in self.seconds],
            "peak_mib": round(self.peak_mib, 1),
            "prepared_mib": round(self.prepared_mib, 1),
        }


def contest(ways: Sequence[Way], *, turns: int, warm: int = 1) -> dict[str, Timed]:
    """Run every way ``turns`` times, in turn, after ``warm`` turns that are not counted."""
    runners = [_Runner(way) for way in ways]
    try:
        prepared = [runner.told() for runner in runners]
        answers: list[list[tuple[float, float, Any]]] = [[] for _ in ways]
        for turn in range(warm + turns):
            # The one that begins changes: what the first leaves behind, such as a hot processor, is shared.
            for at in [(turn + step) % len(ways) for step in range(len(ways))]:
                answer = runners[at].asked()
                if turn >= warm:
                    answers[at].append(answer)
    finally:
        for runner in runners:
            runner.stop()
    return {
        way.name: Timed(tuple(one[0] for one in some), some[-1][1], before, some[-1][2])
        for way, some, before in zip(ways, answers, prepared, strict=True)
    }


def ratio(slower: Timed, faster: Timed) -> dict[str, float]:
    """Return how many times as fast ``faster`` is: the median over the turns, the least and the most."""
    ratios = [a / b for a, b in zip(slower.seconds, faster.seconds, strict=True)]
    return {
        "median": round(statistics.median(ratios), 3),
        "least": round(min(ratios), 3),
        "most": round(max(ratios), 3),
    }


class _Runner:
    def __init__(self, way: Way) -> None:
        # A fresh interpreter: a forked one would count its parent's memory, and torch's threads do not
        # survive a fork.
        context = multiprocessing.get_context("spawn")
        self.name = way.name
        self.here, there = context.Pipe()
        self.process = context.Process(target=_serve, args=(there, way), daemon=True)
        self.process.start()
        there.close()

    def asked(self) -> Any:
        self.here.send(True)
        return self.told()

    def told(self) -> Any:
        try:
            answer = self.here.recv()
        except EOFError:
            raise RuntimeError(f"the process of {self.name!r} ended early") from None
        if isinstance(answer, Exception):
            raise RuntimeError(f"{self.name!r} failed") from answer
        return answer

    def stop(self) -> None:
        self.here.close()
        self.process.join(5)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join()


def _serve(there: Connection, way: Way) -> None:
    try:
        work = way.prepare(*way.arguments)
        there.send(_peak_mib())
        while True:
            try:
                there.recv()
            except EOFError:
                return
            start = time.perf_counter()
            told = work()
            there.send((time.perf_counter() - start, _peak_mib(), told))
    except Exception as error:  # told to the parent, which raises it
        there.send(RuntimeError(f"{type(error).__name__}: {error}"))


def _peak_mib() -> float:
    about = Path("/proc/self/status")
    if about.is_file():
        # getrusage would count what the parent held when it started this process.
        found = re.search(r"^VmHWM:\s*(\d+) kB$", about.read_text(), re.MULTILINE)
        if found:
            return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes where there is no /proc
