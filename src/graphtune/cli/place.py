"""Can the result be written where it is wanted? Asked before the work, so that none is done in vain."""

import os
from pathlib import Path

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
    check_folder(Path(path).absolute().parent, path)


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
    check_folder(Path(path).absolute().parent, path)


def check_directory(path: str) -> None:
    """Refuse a directory that could not be made, or that holds anything but a model of graphtune's.

    Raises:
        OutputError: it is a file, cannot be written to, or would cost files that are none of graphtune's.
    """
    from graphtune.run.saved import check_place

    check_folder(Path(path).absolute().parent, path)
    check_place(Path(path))


def check_folder(folder: Path, path: str) -> None:
    """Refuse ``path``, which is to be made in ``folder``, where that cannot be written to.

    Raises:
        OutputError: a part of the path is a file, or there is no permission.
    """
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not there.is_dir():
        raise OutputError(
            f"{path} cannot be written: {there} is a file, not a folder.", fix="choose another path."
        )
    if not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"{path} cannot be written: no permission.", fix="choose a writable place.")
