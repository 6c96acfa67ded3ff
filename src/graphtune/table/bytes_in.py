"""A file or standard input as bytes: gunzipped, and looked at before it is read."""

import gzip
import io
import sys
import zlib
from pathlib import Path
from typing import cast

from graphtune.errors import TableError

LOOK = 1 << 16
STANDARD_INPUT = "-"
# What reading a damaged gzip file raises.
BROKEN_GZIP = (gzip.BadGzipFile, EOFError, zlib.error)


def opened(path: str | Path) -> io.BufferedReader:
    """Open a file, or standard input for ``-``, for reading and peeking; gzip is undone.

    Raises:
        TableError: there is no such file, it is a directory, or it may not be read.
    """
    if str(path) == STANDARD_INPUT:
        return _gunzipped(io.BufferedReader(cast(io.RawIOBase, sys.stdin.buffer), LOOK))
    path = Path(path)
    try:
        return _gunzipped(io.BufferedReader(cast(io.RawIOBase, path.open("rb", buffering=0)), LOOK))
    except FileNotFoundError:
        raise TableError(f"{path} does not exist.", fix=_nearest(path)) from None
    except IsADirectoryError:
        raise TableError(
            f"{path} is a directory, and not one that Hugging Face datasets saved.",
            fix="name a file, or a directory written by `save_to_disk`.",
        ) from None
    except PermissionError:
        raise TableError(f"{path} may not be read.", fix="change its permissions.") from None
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}.", fix="check the path.") from None


def start_of(stream: io.BufferedReader, name: str) -> bytes:
    """Return the first bytes without moving on.

    Raises:
        TableError: the bytes are gzip, but damaged.
    """
    try:
        return stream.peek(LOOK)[:LOOK]
    except BROKEN_GZIP as error:
        raise broken_gzip(name, error) from None


def broken_gzip(name: str, error: BaseException) -> TableError:
    """Say that a gzip file is damaged or cut short."""
    return TableError(f"{name} is a damaged gzip file: {error}.", fix="compress or download it anew.")


def _gunzipped(stream: io.BufferedReader) -> io.BufferedReader:
    if stream.peek(2)[:2] != b"\x1f\x8b":
        return stream
    if isinstance(stream.raw, io.FileIO) and Path(stream.name).is_file():
        # Opened by its name, gzip closes the file when it is closed itself.
        with stream:
            return io.BufferedReader(gzip.GzipFile(stream.name, "rb"), LOOK)
    return io.BufferedReader(gzip.GzipFile(fileobj=stream, mode="rb"), LOOK)


def _nearest(path: Path) -> str:
    import difflib

    folder = path.parent
    names = [p.name for p in folder.iterdir()] if folder.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {folder / near[0]}?" if near else "check the path."
