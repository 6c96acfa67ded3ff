"""Normal weights whose variance makes up for the half of the signal that ReLU drops.

Source: He et al., ICCV 2015, arXiv:1502.01852, section 2.2, eq. 10.
Differs from the paper: applied to each linear map inside a graph layer, message passing aside; see `redraw`
for attention vectors.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from graphtune.initial.drawn import redraw
from graphtune.model import Model, Task
from graphtune.phase import Phase


@dataclass(frozen=True)
class Kaiming:
    """``W ~ N(0, 2 / inputs)``, and biases of 0."""

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Draw the weights, and yield nothing."""
        redraw(model, lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"))
        yield from ()
