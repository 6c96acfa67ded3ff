"""A process for each training, so that memory is measured apart and a crash costs nothing else."""

import multiprocessing
import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from graphtune.compare import outside, own
from graphtune.compare.conditions import Cell, Conditions
from graphtune.compare.method import Outside
from graphtune.errors import GraphtuneError, OutputError
from graphtune.report.wording import duration

_PATIENCE = 2.0  # times its time that a training may take before it is stopped
_STARTING = 120.0  # seconds beside, to import, read, encode and predict
_ENDING = 5.0  # seconds that a process has to end by itself
_STARTED_FROM = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"

# What trainings import when they first need it; each would otherwise wait for it anew.
_IMPORTED_ONCE = (
    *("jinja2", "pyarrow.parquet", "safetensors.torch", "sklearn.linear_model", "sklearn.model_selection"),
    *("sklearn.svm", "sklearn.utils.extmath", "transformers"),
)


# What went wrong, if anything; with its fix where it is no fault of the method's.
_Answer = str | tuple[str, str] | None


@dataclass(frozen=True, eq=False)
class Running:
    """A training under way."""

    cell: Cell
    process: Any
    answers: Connection
    limit_seconds: float
    start: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds until it is stopped."""
        return max(0.0, self.start + _PATIENCE * self.limit_seconds + _STARTING - time.monotonic())

    def wait(self) -> str | None:
        """Wait for its end; return what went wrong, if anything did.

        Raises:
            OutputError: its scores could not be written, as those of no other could.
        """
        answer: _Answer = f"it did not end within {_PATIENCE:g} times its {duration(self.limit_seconds)}."
        try:
            if self.answers.poll(self.left):
                answer = self.answers.recv()
                self.process.join(_ENDING)
        except EOFError:
            answer = "its process ended without a word: killed, perhaps for want of memory."
        self.stop()
        if isinstance(answer, tuple):
            problem, fix = answer
            raise OutputError(problem, fix=fix)
        return answer

    def stop(self) -> None:
        """End it, and the programs it has started, whose group bears its number."""
        if self.process.pid is not None:
            self.process.kill()
            if hasattr(os, "killpg"):
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.process.pid, signal.SIGKILL)
            self.process.join()
        self.answers.close()


class Workers:
    """Starts trainings in processes that have their imports done."""

    def __init__(self, conditions: Conditions) -> None:
        self.conditions = conditions
        self.context: Any = multiprocessing.get_context(_STARTED_FROM)
        if _STARTED_FROM == "forkserver":
            self.context.set_forkserver_preload([__name__, *_IMPORTED_ONCE])

    def start(self, cell: Cell, place: Path, *, alone: bool) -> Running:
        """Begin one training; its scores are written to ``place``."""
        ours, theirs = self.context.Pipe(duplex=False)
        process = self.context.Process(
            target=_work, args=(cell, self.conditions, place, alone, theirs), daemon=False
        )
        process.start()
        theirs.close()
        return Running(cell, process, ours, self.conditions.limit_seconds)


def any_of(running: list[Running]) -> Running:
    """Wait until one of them has ended or answered, or is to be stopped."""
    first = min(running, key=lambda one: one.left)
    ready = wait([one.answers for one in running], first.left)
    return next((one for one in running if one.answers in ready), first)


def _work(cell: Cell, conditions: Conditions, place: Path, alone: bool, answers: Connection) -> None:
    import torch
    from threadpoolctl import threadpool_limits

    # A terminal sends Ctrl-C to all processes: the one that started this decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    torch.set_num_threads(conditions.threads)
    try:
        with threadpool_limits(conditions.threads):
            way = outside if isinstance(cell.method.how, Outside) else own
            way.run(cell, conditions, alone=alone).write(place)
        answers.send(None)
    except OutputError as error:
        answers.send((error.problem, error.fix))
    except GraphtuneError as error:
        answers.send(error.problem)
    except MemoryError:
        answers.send("it ran out of memory.")
    except Exception as error:  # a bug in one method must not cost the others
        answers.send(f"it failed: {type(error).__name__}: {error}")
        raise


def _end_with_parent() -> None:
    """End this process, and the programs it started, when the one that started it is gone or asks for it."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()
    signal.signal(signal.SIGTERM, lambda *_: _end())
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_outlive, args=(parent.sentinel,), daemon=True).start()


def _outlive(sentinel: Any) -> None:
    wait([sentinel])
    _end()


def _end() -> None:
    if hasattr(os, "killpg"):
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)
