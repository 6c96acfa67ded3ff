"""Uniform weights whose variance fits what comes in and what goes out alike.

Source: Glorot & Bengio, AISTATS 2010, section 4.2.1, eq. 16 ("normalized initialization").
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
class Xavier:
    """``W ~ U(-b, b)`` with ``b = sqrt(6 / (inputs + outputs))``, and biases of 0."""

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Draw the weights, and yield nothing."""
        redraw(model, nn.init.xavier_uniform_)
        yield from ()
