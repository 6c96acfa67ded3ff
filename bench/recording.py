"""Results on disk: one of each name whose data are there."""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import protocols
from graphtune.artefact import write_json


def record(
    folder: Path,
    names: Iterable[str],
    measured: Callable[[str], dict[str, Any]],
    line: Callable[[dict[str, Any]], str] | None = None,
) -> None:
    """Write what is measured of each name, and say it in a line; say which names are skipped, and why."""
    for name in names:
        try:
            result = measured(name)
        except protocols.AbsentDataError as absent:
            print(f"skipped {name}: {absent}", file=sys.stderr)
            continue
        write_json(folder / f"{name}.json", result)
        if line is not None:
            print(line(result), flush=True)


def recorded(folder: Path, names: Iterable[str]) -> list[dict[str, Any]]:
    """Return the results that are there, in the order of the names."""
    files = [folder / f"{name}.json" for name in names]
    return [json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()]
