"""What every tracker offers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

Status = Literal["finished", "failed", "killed"]


@runtime_checkable
class Tracker(Protocol):
    """Where runs are written down. Runs nest: what begins within another one belongs to it.

    Nothing outside this process is touched before the first `begin`. Any method may raise any error; see
    `Guarded`.
    """

    def begin(self, name: str, settings: Mapping[str, str], tags: Mapping[str, str]) -> None:
        """Begin a run of any ``name``: its settings, and what else is known of it beforehand."""
        ...

    def figures(self, figures: Mapping[str, float], step: int = 0) -> None:
        """Add figures to the innermost run; those that are not finite are left out."""
        ...

    def file(self, path: Path) -> None:
        """Add a file to the innermost run, where the tracker holds files."""
        ...

    def end(self, status: Status) -> None:
        """End the innermost run."""
        ...
