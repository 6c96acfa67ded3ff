"""Event files of TensorBoard."""

import importlib.util
import math
import re
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from graphtune.errors import MissingExtraError
from graphtune.tracking.tracker import Status

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter

_LONGEST = 60  # letters of a folder's name


class TensorBoard:
    """A folder for each run below ``directory``, and one for each nested run below its own.

    Settings and tags are texts. TensorBoard holds no files: those are left where they are.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """

    def __init__(self, directory: str) -> None:
        check_tensorboard("--track tensorboard")
        self.directory = Path(directory)
        self._runs: list[SummaryWriter] = []

    def begin(self, name: str, settings: Mapping[str, str], tags: Mapping[str, str]) -> None:
        """Begin a folder of event files, named after the run and, at the top, the time of day."""
        above = Path(self._runs[-1].log_dir) if self._runs else self.directory
        place = _free(above / _as_folder(name if self._runs else f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"))
        run = writer(str(place))
        self._runs.append(run)
        for what, said in (("settings", settings), ("tags", {"name": name, **tags})):
            if said:
                lines = "".join(f"| {key} | {value} |\n" for key, value in said.items())
                run.add_text(what, f"| | |\n|---|---|\n{lines}")

    def figures(self, figures: Mapping[str, float], step: int = 0) -> None:
        """Add scalars."""
        for name, figure in figures.items():
            if math.isfinite(figure):
                self._runs[-1].add_scalar(name, figure, step)

    def file(self, path: Path) -> None:
        """Leave the file where it is."""

    def end(self, status: Status) -> None:
        """Close the run's event file."""
        run = self._runs.pop()
        run.add_text("status", status)
        run.close()


def check_tensorboard(needed_for: str) -> None:
    """See that TensorBoard is there.

    Raises:
        MissingExtraError: it is not.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise MissingExtraError("tensorboard", needed_for)


def writer(directory: str) -> "SummaryWriter":
    """Return what writes event files to ``directory``."""
    with warnings.catch_warnings():
        # TensorBoard's own imports warn of what they use.
        warnings.simplefilter("ignore", DeprecationWarning)
        from torch.utils.tensorboard.writer import SummaryWriter

        return SummaryWriter(directory)


def _as_folder(name: str) -> str:
    return re.sub(r"[^\w.=-]+", "_", name).strip("_.")[:_LONGEST] or "run"


def _free(place: Path) -> Path:
    """Return a place where nothing is yet: one name may stand for several runs."""
    number, found = 1, place
    while found.exists():
        number += 1
        found = place.with_name(f"{place.name}-{number}")
    return found
