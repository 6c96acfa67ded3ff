"""Start a network in one way, then tune it in another."""

from collections.abc import Iterator
from dataclasses import dataclass

from graphtune.initial import Initial
from graphtune.model import Model, Task
from graphtune.phase import Phase
from graphtune.strategy.strategy import Strategy


@dataclass(frozen=True)
class Started:
    """The phases of an initialisation, and then those of a strategy."""

    initial: Initial
    strategy: Strategy

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Train what either asks for."""
        yield from self.initial.phases(model, task)
        yield from self.strategy.phases(model, task)
