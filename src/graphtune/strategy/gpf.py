"""One vector that is added to the features of every node before a frozen network.

Source: GPF, Fang et al., NeurIPS 2023, arXiv:2209.15240 (x + p).
Differs from the paper: the vector starts at zero, not at random, so that no score changes at first; it is
added after the features' dropout.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Layered, NodeProblem
from graphtune.phase import Group, Phase


@dataclass(frozen=True)
class GPF:
    """Learn a prompt, as wide as what the first layer reads, and the head: ``F`` numbers and the head's.

    Raises:
        PlanError: the model has no layer (on the first phase).
    """

    rate: float = 1e-3  # AdamW step size
    head_rate: float = 0.01
    decay: float = 0.0  # AdamW decoupled weight decay
    epochs: int = 100  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def grown(self, model: Layered, inputs: int) -> None:
        """Put the prompt before the first layer; no score changes.

        Raises:
            PlanError: there is no layer.
        """
        put_before(model, inputs, Prompt)

    def phases(self, model: Layered, task: NodeProblem) -> Iterator[Phase]:
        """Put the prompt in and train once."""
        self.grown(model, task.features.shape[1])
        yield Phase(
            "prompt",
            (
                Group.of(self.rate, model.layers[0].prompt, decay=self.decay),
                Group.of(self.head_rate, model.head),
            ),
            lambda batch: self.loss(model(batch), batch.labels, batch.weights),
            self.epochs,
        )


class Prompt(nn.Module):
    """The same vector for every node."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.zeros(inputs))

    def forward(self, x: Float[Tensor, "N F"]) -> Float[Tensor, "N F"]:
        """Return what is added to ``x``."""
        return self.vector.expand_as(x)


class Prompted(nn.Module):
    """``layer(x + prompt(x))``."""

    def __init__(self, layer: nn.Module, prompt: nn.Module) -> None:
        super().__init__()
        self.layer, self.prompt = layer, prompt

    @property
    def hops(self) -> int:
        """As many as the layer's: a prompt depends on the node alone."""
        return self.layer.hops  # type: ignore[return-value]

    # However a layer is called: one of a stranger's module has more arguments than a graph.
    def forward(self, x: Float[Tensor, "N F"], *on: Any, **named: Any) -> Float[Tensor, "N G"]:
        """Add the prompt, then apply the layer."""
        return self.layer(x + self.prompt(x), *on, **named)


def put_before(model: Layered, inputs: int, prompt: Callable[[int], nn.Module]) -> None:
    """Put a prompt, made for the width of what the first layer reads, before that layer.

    Raises:
        PlanError: there is no layer.
    """
    if not len(model.layers):
        raise PlanError(
            "A prompt is read by graph layers; there is none, and a head's bias learns the same.",
            fix="use LinearProbe.",
        )
    prompted = Prompted(model.layers[0], prompt(model.widths(inputs)[0][0]))
    model.layers[0] = prompted.to(next(model.head.parameters()))
