"""What every tuning method offers."""

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from graphtune.phase import Phase


@runtime_checkable
class Strategy(Protocol):
    """A frozen dataclass whose fields are the settings of one way to tune a model.

    Code after a ``yield`` runs once that phase has trained. A resumed training runs the generator again from
    the start, with stored weights in place of the phases that have ended: so `phases` depends on nothing but
    its arguments, the fields and torch's default random generator, and every module it creates is registered
    on the model.
    """

    def phases(self, model: Any, task: Any) -> Iterator[Phase]:
        """Change ``model`` (a `Learner`) where needed and yield what to train on ``task`` (a `Problem`)."""
        ...
