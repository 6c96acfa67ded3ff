"""What the training loop asks of whatever learns, and of what it learns from."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn

from graphtune.graph import Sampler


@runtime_checkable
class Step(Protocol):
    """The rows of one step, with what their scores depend on."""

    @property
    def rows(self) -> Int64[Tensor, " B"]:
        """Their numbers."""
        ...

    @property
    def labels(self) -> Int64[Tensor, " B"]:
        """Their classes."""
        ...

    @property
    def weights(self) -> Float32[Tensor, " B"] | None:
        """What each counts in the loss; None = all the same."""
        ...


@runtime_checkable
class Learner(Protocol):
    """A module with a linear head; called with a step, it returns a score for every row and class."""

    head: nn.Linear

    def __call__(self, step: Any) -> Float[Tensor, "B C"]:
        """Return a score for every row of a step and every class."""
        ...

    @property
    def body(self) -> list[nn.Parameter]:
        """What can learn below the head."""
        ...

    @property
    def settings(self) -> str:
        """What its scores depend on beside its tensors, for telling one training from another."""
        ...


@runtime_checkable
class Layered(Learner, Protocol):
    """A learner whose graph layers can be read and replaced one by one.

    A layer that stands in for another is called as that one was: with features and what they lie on.
    """

    layers: Any  # modules by number, from the first on

    def widths(self, inputs: int) -> tuple[tuple[int, int], ...]:
        """Return how wide the features are before and after each layer, for data ``inputs`` wide."""
        ...

    @property
    def averaged(self) -> Callable[..., Tensor]:
        """Return what averages features over neighbours; called as a layer is."""
        ...


@runtime_checkable
class Problem(Protocol):
    """Rows to train on and rows to judge by."""

    @property
    def classes(self) -> int:
        """How many there are."""
        ...

    @property
    def train(self) -> Int64[Tensor, " T"]:
        """Rows to train on."""
        ...

    @property
    def val(self) -> Int64[Tensor, " V"]:
        """Rows to judge by; may be none."""
        ...

    @property
    def device(self) -> torch.device:
        """On which a step is worked out."""
        ...

    @property
    def held(self) -> tuple[Int64[Tensor, " V"], Float32[Tensor, " V"] | None]:
        """Labels and weights of the val rows."""
        ...

    def batch(self, rows: Int64[Tensor, " B"]) -> Step:
        """Return the step of some rows."""
        ...

    def pieces(self, rows: Int64[Tensor, " T"], count: int) -> tuple[Int64[Tensor, " B"], ...]:
        """Return rows, which come in a random order, in steps of about ``count``."""
        ...

    def judged(self, model: Any, sampler: Sampler | None) -> Float[Tensor, "V C"]:
        """Return the scores of the val rows; ``sampler``: the whole would not fit in one piece."""
        ...

    def digest(self) -> bytes:
        """Return a digest of all that a training depends on."""
        ...


@runtime_checkable
class NodeProblem(Problem, Protocol):
    """One whose rows are nodes of a graph."""

    @property
    def features(self) -> Float[Tensor, "N F"]:
        """Return those of every node."""
        ...
