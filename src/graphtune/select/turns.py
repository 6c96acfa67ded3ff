"""Time that trainings share which may end early."""

import time
from dataclasses import dataclass

_LEAST = 1.0  # seconds of a turn, so that something is learned in it


@dataclass(eq=False)
class Turns:
    """What is left until ``finish``, divided anew among all turns to come each time that one begins.

    What one does not take, or takes beside its training, the others have more or less.
    """

    finish: float  # on the clock of time.monotonic
    left: int = 1  # turns to come; the last of them is taken again if more are asked for
    cut: int = 0  # trainings that their turn has ended

    def next(self) -> float:
        """Begin a turn; return when it ends, on the same clock."""
        now = time.monotonic()
        end = now + max(_LEAST, (self.finish - now) / self.left)
        self.left = max(1, self.left - 1)
        return end
