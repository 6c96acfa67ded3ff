"""The two ways in which training is told to end early: a deadline and Ctrl-C."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Halt:
    """What the loop asks after every batch."""

    def __init__(self, deadline: float | None) -> None:
        self.deadline = deadline  # on the clock of time.monotonic
        self.begun = time.monotonic()
        self.interrupted = False
        self.cut = False  # whether a phase has ended for the deadline: what follows is not stored

    @property
    def late(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    @property
    def share(self) -> float:
        """How much of the time until the deadline is over, 0 … 1; 0 without one."""
        if self.deadline is None:
            return 0.0
        now = time.monotonic()
        return min(1.0, (now - self.begun) / max(1e-9, self.deadline - self.begun))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside the block, let a first Ctrl-C wait for the end of the batch; a second one acts at once."""
        ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if not ours or threading.current_thread() is not threading.main_thread():
            yield
            return
        signal.signal(signal.SIGINT, self._note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
