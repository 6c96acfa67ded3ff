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


@runtime_checkable
class Growing(Strategy, Protocol):
    """One whose modules stay in the model: a saved model is made anew, grown, and then filled."""

    def grown(self, model: Any, inputs: int) -> None:
        """Put them into a model as it was before `phases`, whose data are ``inputs`` features wide."""
        ...


@runtime_checkable
class TextStrategy(Strategy, Protocol):
    """One that tunes a `TextModel` on labels, and says how often it goes through them at most."""

    @property
    def epochs(self) -> int:
        """At most; a field, so that whoever has less time can ask for fewer."""
        ...


@runtime_checkable
class MinedStrategy(Strategy, Protocol):
    """One that tunes a `TextModel` on what it and a graph model (``TextTask.targets``) agree on."""


@runtime_checkable
class CoupledStrategy(Strategy, Protocol):
    """One that tunes an encoder and a network over a graph (`CoupledModel`) on a `TextTask` with a graph."""
