"""What saved models take: memory and seconds, each in a process of its own, asked in turn."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

import graphtune
from graphtune.compress import worker
from graphtune.errors import ModelError
from graphtune.report.compression import Footprint

_SINGLES = 60  # texts asked one at a time
_WARM = 3  # questions before them that do not count
_MANY = 64  # texts of one question
_TURNS = 7  # such questions


def footprints(places: Sequence[str], texts: Sequence[str]) -> list[Footprint]:
    """Measure the models or encoders in ``places`` on the same texts, of which there is one or more.

    They are asked in turn, so that a machine that becomes slower does so for all.

    Raises:
        ModelError: a process that predicts ended early.
    """
    with tempfile.TemporaryDirectory() as folder:
        workers: list[_Worker] = []
        try:
            # One after another: two that load at a time would be slower than each is by itself.
            for number, place in enumerate(places):
                workers.append(_Worker(place, Path(folder) / str(number)))
                workers[-1].begin()
            every = list(islice(cycle(texts), _WARM + _SINGLES))
            for question in every:
                for one in workers:
                    one.ask([question], "one")
            rest = cycle(texts)
            for _ in range(1 + _TURNS):
                question = list(islice(rest, _MANY))
                for one in workers:
                    one.ask(question, "many")
        finally:
            for one in workers:
                one.stop()
    return [one.footprint() for one in workers]


class _Worker:
    def __init__(self, place: str, cache: Path) -> None:
        self.place = place
        # This very graphtune, wherever the process is started.
        paths = [str(Path(graphtune.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        self.process = subprocess.Popen(
            [sys.executable, "-P", worker.__file__, place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "GRAPHTUNE_CACHE": str(cache),
                "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            },
            text=True,
            encoding="utf-8",
        )
        self.seconds: dict[str, list[float]] = {"one": [], "many": []}
        self.first: dict[str, Any] = {}
        self.last: dict[str, Any] = {}

    def begin(self) -> None:
        """Wait until it can predict."""
        self.first = self.last = self._told()

    def ask(self, texts: list[str], kind: str) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(texts) + "\n")
            self.process.stdin.flush()
        except OSError:
            pass  # that it has ended is told below
        self.last = self._told()
        self.seconds[kind].append(self.last["seconds"])

    def footprint(self) -> Footprint:
        one, many = self.seconds["one"][_WARM:], self.seconds["many"][1:]
        one_p50, one_p95 = (float(1000 * p) for p in np.percentile(one, [50, 95]))
        many_p50, many_p95 = (float(1000 * p) for p in np.percentile(many, [50, 95]))
        return Footprint(
            peak_bytes=int(self.last["peak_bytes"]),
            load_seconds=float(self.first["load_seconds"]),
            one_p50_ms=one_p50,
            one_p95_ms=one_p95,
            many_p50_ms=many_p50,
            many_p95_ms=many_p95,
            many=_MANY,
            texts_per_second=_MANY / float(np.median(many)),
        )

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()

    def _told(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise ModelError(
                f"The process that measures {self.place} ended early.",
                fix="look whether memory is short, or leave measuring out with --no-timing.",
            )
        return json.loads(line)
