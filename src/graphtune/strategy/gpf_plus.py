"""A vector for each node, mixed of a few learned ones, that is added to its features before a frozen network.

Source: GPF-plus, Fang et al., NeurIPS 2023, arXiv:2209.15240 (p_i as a softmax mixture).
Differs from the paper: the vectors start at zero, not at random, so that no score changes at first (what
mixes them starts at random, and parts them); they are added after the features' dropout.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Layered, NodeProblem
from graphtune.phase import Group, Phase
from graphtune.strategy.gpf import put_before


@dataclass(frozen=True)
class GPFPlus:
    """Learn ``k`` prompts, what mixes them, and the head: ``2 k F`` numbers and the head's.

    Raises:
        PlanError: ``k`` is less than 1; the model has no layer (on the first phase).
    """

    k: int = 5  # prompts; 5 to 20 in the paper
    rate: float = 1e-3  # AdamW step size
    head_rate: float = 0.01
    decay: float = 0.0  # AdamW decoupled weight decay
    epochs: int = 100  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        if self.k < 1:
            raise PlanError(f"k = {self.k} is no number of prompts.", fix="use 5 or 10; for one, GPF.")

    def grown(self, model: Layered, inputs: int) -> None:
        """Put the prompts before the first layer; no score changes.

        Raises:
            PlanError: there is no layer.
        """
        put_before(model, inputs, lambda width: MixedPrompt(width, self.k))

    def phases(self, model: Layered, task: NodeProblem) -> Iterator[Phase]:
        """Put the prompts in and train once."""
        self.grown(model, task.features.shape[1])
        yield Phase(
            "prompts",
            (
                Group.of(self.rate, model.layers[0].prompt, decay=self.decay),
                Group.of(self.head_rate, model.head),
            ),
            lambda batch: self.loss(model(batch), batch.labels, batch.weights),
            self.epochs,
        )


class MixedPrompt(nn.Module):
    """``softmax(x W) P``: each node's own mixture of the rows of ``P``."""

    def __init__(self, inputs: int, count: int) -> None:
        super().__init__()
        self.mixing = nn.Linear(inputs, count, bias=False)
        self.vectors = nn.Parameter(torch.zeros(count, inputs))

    def forward(self, x: Float[Tensor, "N F"]) -> Float[Tensor, "N F"]:
        """Return what is added to ``x``."""
        return torch.softmax(self.mixing(x), 1) @ self.vectors
