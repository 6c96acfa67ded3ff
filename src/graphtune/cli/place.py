"""Can the result be written where it is wanted? Asked before the work, so that none is done in vain."""

from pathlib import Path

from graphtune.artefact import check_parent
from graphtune.errors import OutputError


def check_file(path: str | None) -> None:
    """Refuse a file that could not be written; None and ``-`` are standard output.

    Raises:
        OutputError: its ending names no format, it is a directory, or its folder cannot be written to.
    """
    from graphtune.table import check_ending

    if path is None or path == "-":
        return
    if Path(path).is_dir():
        raise OutputError(f"{path} is a directory, not a file.", fix="name a file.")
    check_ending(path)
    check_parent(Path(path))


def check_json(path: str | None) -> None:
    """Refuse a JSON file that could not be written; None is none.

    Raises:
        OutputError: it has another ending, it is a directory, or its folder cannot be written to.
    """
    if path is None:
        return
    if Path(path).is_dir():
        raise OutputError(f"{path} is a directory, not a file.", fix="name a file.")
    if Path(path).suffix.lower() != ".json":
        raise OutputError(f"{path} does not end in .json.", fix="use the ending .json.")
    check_parent(Path(path))
