"""Which training is next: cheapest first, within time and memory, and none that is done already."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import numpy as np
from jaxtyping import Int64

from graphtune.compare.conditions import Cell, Conditions
from graphtune.compare.method import Method
from graphtune.compare.scores import Scores
from graphtune.compare.worker import Running, Workers, any_of
from graphtune.progress import say
from graphtune.report.wording import duration, percent
from graphtune.run.room import available_bytes

_OTHER_LABELS = 2.0  # times as long with other labels, where no more is known
_ROOM = 1.3  # times the peak that was seen, so that memory is enough


@dataclass(eq=False)
class Schedule:
    """The trainings of a comparison."""

    cells: Sequence[Cell]  # cheapest first as far as it is known beforehand
    conditions: Conditions
    place: Path  # folder of the scores
    deadline: float  # on the clock of time.monotonic; nothing is begun that is not likely to end before
    jobs: int
    truth: Int64[np.ndarray, " B"]  # labels of the judging rows
    found: dict[Cell, Scores] = field(default_factory=dict)
    failed: dict[Cell, str] = field(default_factory=dict)
    left_out: list[Cell] = field(default_factory=list)

    def run(self) -> None:
        """Run what is not there yet.

        The first seed of every method and label count is run with nothing else beside it, so that its seconds
        can be compared and its memory is known; then the others, as many at once as memory allows.
        """
        for cell in self.cells:
            self._look(cell)
        missing = [cell for cell in self.cells if cell not in self.found]
        if not missing:
            return
        workers = Workers(self.conditions)
        first = self._first(missing)
        for cell in first:
            self._alone(cell, workers)
        others = [cell for cell in missing if cell not in first]
        others.sort(key=lambda cell: self.expected(cell) or 0.0)
        self._beside([cell for cell in others if not self._hopeless(cell)], workers)

    def expected(self, cell: Cell) -> float | None:
        """Return the seconds a training is likely to take, by those of its method; None: not known."""
        same = [
            scores.facts.wall_seconds
            for other, scores in self.found.items()
            if (other.method, other.labels) == (cell.method, cell.labels)
        ]
        if same:
            return fmean(same)
        other = [s.facts.wall_seconds for c, s in self.found.items() if c.method == cell.method]
        return _OTHER_LABELS * max(other) if other else None

    def remaining(self, cells: Sequence[Cell]) -> float:
        """Return the seconds that ``cells`` are likely to take; what need not run alone has company."""
        every = [scores.facts.wall_seconds for scores in self.found.values()]
        usual = fmean(every) if every else self.conditions.limit_seconds
        timed = self._timed()
        return sum(
            (self.expected(cell) or usual) / (self.jobs if (cell.method, cell.labels) in timed else 1)
            for cell in cells
        )

    def _timed(self) -> set[tuple[Method, int | None]]:
        """Return the methods, with their label counts, that have run with nothing beside them."""
        return {(cell.method, cell.labels) for cell, scores in self.found.items() if scores.facts.alone}

    def _hopeless(self, cell: Cell) -> bool:
        """Say whether the same with another seed failed, and take this for failed as well."""
        same = [one for one in self.failed if (one.method, one.labels) == (cell.method, cell.labels)]
        if same:
            self.failed[cell] = self.failed[same[0]]
        return bool(same)

    def _look(self, cell: Cell) -> bool:
        scores = Scores.read(self._path(cell))
        if scores is not None:
            self.found[cell] = scores
        return scores is not None

    def _path(self, cell: Cell) -> Path:
        return self.place / f"{cell.key(self.conditions)}.safetensors"

    def _first(self, missing: Sequence[Cell]) -> list[Cell]:
        timed = self._timed()
        first: dict[tuple[Method, int | None], Cell] = {}
        for cell in missing:
            if (cell.method, cell.labels) not in timed:
                first.setdefault((cell.method, cell.labels), cell)
        return list(first.values())

    def _late(self, cell: Cell) -> bool:
        return time.monotonic() + (self.expected(cell) or 0.0) > self.deadline

    def _alone(self, cell: Cell, workers: Workers) -> None:
        # Another name for the same plan may have been run meanwhile.
        if self._look(cell):
            return
        if self._late(cell):
            self.left_out.append(cell)
        else:
            self._finish(workers.start(cell, self._path(cell), alone=True))

    def _beside(self, cells: list[Cell], workers: Workers) -> None:
        waiting, running = list(cells), list[Running]()
        try:
            while waiting or running:
                while waiting and len(running) < self.jobs and self._fits(waiting[0], running):
                    cell = waiting.pop(0)
                    if self._look(cell):
                        continue
                    if self._late(cell):
                        self.left_out.append(cell)
                    else:
                        running.append(workers.start(cell, self._path(cell), alone=self.jobs == 1))
                if running:
                    ended = any_of(running)
                    running.remove(ended)
                    self._finish(ended)
        finally:
            for one in running:
                one.stop()

    def _fits(self, cell: Cell, running: Sequence[Running]) -> bool:
        """Say whether memory is likely to be enough for one more; one alone is always tried."""
        free = available_bytes()
        if not running or free is None:
            return True
        needed = sum(self._peak(one.cell) for one in running) + self._peak(cell)
        return _ROOM * needed <= free

    def _peak(self, cell: Cell) -> int:
        every = [(one.method, scores.facts.peak_bytes) for one, scores in self.found.items()]
        own = [peak for method, peak in every if method == cell.method]
        return max(own or [peak for _, peak in every], default=0)

    def _finish(self, running: Running) -> None:
        cell = running.cell
        try:
            problem = running.wait()
        except BaseException:
            running.stop()
            raise
        if problem is None and not self._look(cell):
            problem = "its scores cannot be read."
        if problem is not None:
            self.failed[cell] = problem
        say(self._line(cell, problem))

    def _line(self, cell: Cell, problem: str | None) -> str:
        labels = "all labels" if cell.labels is None else f"{cell.labels} labels a class"
        done = len(self.found) + len(self.failed)
        begins = f"[{done}/{len(self.cells)}] {cell.method.name}, {labels}, seed {cell.seed}: "
        if problem is not None:
            return begins + problem
        ended = {*self.found, *self.failed, *self.left_out}
        left = [one for one in self.cells if one not in ended]
        scores = self.found[cell]
        accuracy = percent(float((scores.predicted == self.truth).mean()))
        more = f"; about {duration(self.remaining(left))} left" if left else ""
        return f"{begins}{accuracy} in {duration(scores.facts.wall_seconds)}{more}"
