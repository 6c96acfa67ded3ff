"""What every way to start a network offers."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from graphtune.model import Model, Task
from graphtune.phase import Phase


@runtime_checkable
class Initial(Protocol):
    """A frozen dataclass whose fields are the settings of one way to set a network's weights.

    Its generator is run before that of the strategy, and the same holds for it: what is drawn comes from
    torch's default generator, and code after a ``yield`` runs once that phase has trained.
    """

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Set the weights of ``model``, and yield what to train for that, if anything."""
        ...
