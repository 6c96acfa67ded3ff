"""What every tuning method offers."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from graphtune.model import Model, Task
from graphtune.phase import Phase


@runtime_checkable
class Strategy(Protocol):
    """A frozen dataclass whose fields are the settings of one way to tune a model.

    Code after a ``yield`` runs once that phase has trained. A resumed training runs the generator again from
    the start, with stored weights in place of the phases that have ended: so `phases` depends on nothing but
    its arguments, the fields and torch's default random generator, and every module it creates is registered
    on the model.
    """

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Change ``model`` where needed and yield what to train, one phase after the other."""
        ...
