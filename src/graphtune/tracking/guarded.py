"""Trackers that cannot cost what they track."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from graphtune.progress import warn
from graphtune.tracking.tracker import Status, Tracker


class Guarded:
    """Several trackers as one: the first error of each is a warning, and it is told nothing more."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self.able = list(trackers)

    def begin(self, name: str, settings: Mapping[str, str], tags: Mapping[str, str]) -> None:
        """Begin a run."""
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

    def _tell(self, what: Callable[[Tracker], None]) -> None:
        for tracker in list(self.able):
            try:
                what(tracker)
            except Exception as error:  # whatever a server, a database or a disk comes up with
                self.able.remove(tracker)
                said = str(error).strip().splitlines() or [type(error).__name__]
                warn(f"{type(tracker).__name__} failed and is told nothing more, all else goes on: {said[0]}")
