"""What scripts share that keep documents up to date with results: lines of tables, and a command line."""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from graphtune.artefact import written

DOCS = Path(__file__).parents[1] / "docs"


def line(cells: Sequence[str]) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def made(circumstances: Mapping[str, Any]) -> str:
    """Say by which versions and processor something was measured."""
    versions, hardware = circumstances["versions"], circumstances["hardware"]
    own = f"graphtune {versions['graphtune']}, torch {versions['torch']}"
    device = hardware.get("device", "cpu")
    beside = "" if device == "cpu" else f" with a GPU ({device})"
    return f"{own}, {hardware['cores']} × {hardware['processor']}{beside}"


def made_each(results: Iterable[Mapping[str, Any]], between: str = "; ", *, encoding: bool = False) -> str:
    """Say how all of them were measured, each way once; with ``encoding``, in which numbers too."""
    ways = (f"{made(one)} ({one['hardware']['encoding_in']})" if encoding else made(one) for one in results)
    return between.join(dict.fromkeys(ways))


def replaced(text: str, inner: str, begin: str, end: str) -> str:
    """Return a document with ``inner`` between the markers.

    Raises:
        ValueError: the markers are not there once each, in order.
    """
    if (text.count(begin), text.count(end)) != (1, 1) or text.index(begin) > text.index(end):
        raise ValueError(f"{begin} and {end} must stand there once each, in this order")
    before, rest = text.split(begin)
    return f"{before}{begin}\n\n{inner}\n\n{end}{rest.split(end)[1]}"


def documents(inner: Mapping[str, str], begin: str, end: str) -> dict[Path, str]:
    """Return documents of docs/ by place, with what ``inner`` has for each name between the markers."""
    return {
        DOCS / name: replaced((DOCS / name).read_text(encoding="utf-8"), own, begin, end)
        for name, own in inner.items()
    }


def main(
    about: str | None,
    expected: Callable[[], Mapping[Path, str | None]],
    arguments: Sequence[str] | None = None,
) -> int:
    """Write what is ``expected`` in each file (None = no file); with ``--check`` only say if it is there."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if something would")
    check = parser.parse_args(arguments).check
    stale = 0
    for path, after in expected().items():
        stale += after != (path.read_text(encoding="utf-8") if path.is_file() else None)
        if check:
            continue
        if after is None:
            path.unlink(missing_ok=True)
            continue
        with written(path) as partial:
            partial.write_text(after, encoding="utf-8")
    return int(check and stale > 0)
