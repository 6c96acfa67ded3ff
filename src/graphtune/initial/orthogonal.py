"""Orthogonal weights, which keep the length of what passes through them.

Source: Saxe et al., ICLR 2014, arXiv:1312.6120, section 3.
Differs from the paper: a matrix that is not square has orthonormal rows or columns, whichever are fewer;
applied to each linear map inside a graph layer, message passing aside; see `redraw` for attention vectors.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from graphtune.errors import PlanError
from graphtune.initial.drawn import redraw
from graphtune.model import Model, Task
from graphtune.phase import Phase


@dataclass(frozen=True)
class Orthogonal:
    """``W`` is ``gain`` times a random matrix with orthonormal rows or columns, and biases are 0.

    Raises:
        PlanError: ``gain`` is not more than 0.
    """

    gain: float = 1.0  # the paper's for linear networks; sqrt(2) makes up for what ReLU drops

    def __post_init__(self) -> None:
        if not self.gain > 0:
            raise PlanError(f"gain = {self.gain} leaves no weights.", fix="use more than 0; 1 is usual.")

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Draw the weights, and yield nothing."""
        redraw(model, lambda weight: nn.init.orthogonal_(weight, self.gain))
        yield from ()
