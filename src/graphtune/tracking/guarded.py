"""Trackers that cannot cost what they track."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from graphtune.progress import warn
from graphtune.tracking.tracker import Status, Tracker


class Guarded:
    """Several trackers as one: the first error of each is a warning, and it is told nothing more.

    Nothing more but that its runs have ended, so that they do not stay behind as running.
    """

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self.able = list(trackers)
        self._open = 0  # runs that have begun and not ended

    def begin(self, name: str, settings: Mapping[str, str], tags: Mapping[str, str]) -> None:
        """Begin a run."""
        self._open += 1
        self._tell(lambda tracker: tracker.begin(name, settings, tags))

    def figures(self, figures: Mapping[str, float], step: int = 0) -> None:
        """Add figures."""
        self._tell(lambda tracker: tracker.figures(figures, step))

    def file(self, path: Path) -> None:
        """Add a file."""
        self._tell(lambda tracker: tracker.file(path))

    def end(self, status: Status) -> None:
        """End the innermost run."""
        self._tell(lambda tracker: tracker.end(status))
        self._open -= 1

    def _tell(self, what: Callable[[Tracker], None]) -> None:
        for tracker in list(self.able):
            try:
                what(tracker)
            except Exception as error:  # whatever a server, a database or a disk comes up with
                self.able.remove(tracker)
                self._abandon(tracker)
                said = str(error).strip().splitlines() or [type(error).__name__]
                warn(f"{type(tracker).__name__} failed and is told nothing more, all else goes on: {said[0]}")

    def _abandon(self, tracker: Tracker) -> None:
        # Where a run never began, or its place cannot be reached, this fails as well.
        for _ in range(self._open):
            with suppress(Exception):
                tracker.end("failed")
