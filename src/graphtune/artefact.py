"""Files that are either whole or not there: written beside, then renamed.

Every file graphtune leaves behind goes through this module, so that a full disk or a kill in the middle of
a write never costs what was there before.
"""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graphtune.errors import OutputError

_PREFIX = ".graphtune-partial-"
_LOCK = "lock"


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; rename it to ``path`` when the block ends well.

    Raises:
        OutputError: the folder is missing or not writable, or the disk is full; ``path`` is untouched.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_PREFIX, suffix=path.suffix, dir=path.parent)
        os.close(handle)
        partial = Path(name)
        try:
            yield partial
            _flush(partial)
            partial.chmod(0o666 & ~_umask())
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def written_directory(path: Path) -> Iterator[Path]:
    """As `written`, for a whole directory: ``path`` is replaced only when the new one is complete.

    Raises:
        OutputError: the folder is missing or not writable, or the disk is full; ``path`` is untouched.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=path.parent))
        try:
            yield partial
            for file in partial.rglob("*"):
                if file.is_file():
                    _flush(file)
                    file.chmod(0o666 & ~_umask())  # some libraries write for their own user only
            partial.chmod(0o777 & ~_umask())
            _swap(partial, path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def check_parent(path: Path) -> None:
    """Refuse a path whose folder could not be made or written to.

    Raises:
        OutputError: a part of the path is a file, or there is no permission.
    """
    with _explained(path):
        there = next(parent for parent in path.absolute().parents if parent.exists())
        if not there.is_dir():
            raise OutputError(
                f"{path} cannot be written: {there} is a file, not a folder.", fix="choose another path."
            )
        _check_permission(there, path)


def check_directory(directory: Path, mark: str, what: str) -> None:
    """Refuse a directory that could not be written to, or that holds anything but ``what`` of ours.

    ``mark`` is the file by which that is known.

    Raises:
        OutputError: it, or a part of its path, is a file; it has other files in it; there is no permission.
    """
    with _explained(directory):
        if not directory.exists():
            check_parent(directory)
            return
        if not directory.is_dir():
            raise OutputError(f"{directory} is a file.", fix="choose a directory.")
        _check_permission(directory, directory)
        ours = (directory / mark).is_file()
        if not ours and any(file.name != _LOCK for file in directory.iterdir()):
            raise OutputError(
                f"{directory} has files in it that are no {what}; nothing was written.",
                fix="choose a new or empty directory.",
            )


@contextmanager
def locked(directory: Path, what: str) -> Iterator[None]:
    """Keep other processes from writing ``what`` of ours to ``directory``, which is made where it is missing.

    Raises:
        OutputError: another process is at it; or the directory cannot be written to.
    """
    from filelock import FileLock, Timeout

    with _explained(directory):
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(directory / _LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise OutputError(
                f"Another {what} is running in {directory}.", fix="wait for it, or choose another directory."
            ) from None
    try:
        for partial in directory.rglob(f"{_PREFIX}*"):
            if partial.is_file():  # which a kill left behind
                partial.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as readable JSON, in UTF-8."""
    with written(path) as partial:
        partial.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digests(directory: Path, *, leave_out: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return the SHA-256 of every file below ``directory`` by its relative POSIX path."""
    files = sorted(f for f in directory.rglob("*") if f.is_file())
    named = {f.relative_to(directory).as_posix(): f for f in files}
    return {name: sha256(file) for name, file in named.items() if name not in leave_out}


def altered(directory: Path, expected: Mapping[str, str]) -> list[str]:
    """Say which of the ``expected`` files (path → SHA-256) are missing or differ, one line each."""
    wrong: list[str] = []
    for name, digest in expected.items():
        file = directory / name
        if not file.is_file():
            wrong.append(f"{name} is missing")
        elif sha256(file) != digest:
            wrong.append(f"{name} was altered or cut short")
    return wrong


def _check_permission(folder: Path, path: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{path} cannot be written: no permission.", fix="choose a writable place.")


def _swap(partial: Path, path: Path) -> None:
    if not path.exists():
        partial.rename(path)
        return
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    # A directory cannot be renamed onto a full one: the old one steps aside and comes back on failure.
    aside = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=path.parent))
    path.rename(aside / "old")
    try:
        partial.rename(path)
    except BaseException:
        (aside / "old").rename(path)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _flush(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _output_error(path, error) from error


def _output_error(path: Path, error: OSError) -> OutputError:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return OutputError(
                f"The disk is full: {path} was not written; what was there before is untouched.",
                fix="free some space, or choose a place on another disk.",
            )
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return OutputError(f"{path} cannot be written: no permission.", fix="choose a writable place.")
        case errno.ENOTDIR | errno.EEXIST | errno.ENOENT:
            return OutputError(
                f"{path} cannot be written: a part of its path is a file or does not exist.",
                fix="choose another path.",
            )
        case errno.EISDIR:
            return OutputError(f"{path} is a directory, not a file.", fix="name a file.")
        case _:
            return OutputError(
                f"{path} cannot be written: {error}.", fix="mend that, or choose another place."
            )
