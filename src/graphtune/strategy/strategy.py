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

    A strategy that leaves modules of its own in a `Model` has a method ``grown(model: Model, inputs: int)``
    beside `phases`: it puts them into a network as it is first made, which reads ``inputs`` features, before
    saved weights are put into that.
    """

    def phases(self, model: Any, task: Any) -> Iterator[Phase]:
        """Change ``model`` (a `Learner`) where needed and yield what to train on ``task`` (a `Problem`)."""
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
