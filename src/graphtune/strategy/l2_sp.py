"""Pull the body towards the weights it starts from, and the head towards 0.

Source: Li, Grandvalet & Davoine, ICML 2018, arXiv:1802.01483, section 3 (L2-SP).
Differs from the paper: AdamW rather than SGD; the biases are pulled too; alpha and beta, which the paper
chooses by cross-validation, have fixed defaults.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Learner, Problem
from graphtune.phase import Group, Phase


@dataclass(frozen=True)
class L2SP:
    """``loss + alpha / 2 ‖body - start‖² + beta / 2 ‖head‖²``; body and head learn.

    The start is the body as it is when the phase begins.

    Raises:
        PlanError: alpha or beta is negative.
    """

    alpha: float = 0.1
    beta: float = 0.01
    rate: float = 0.01  # AdamW step size
    decay: float = 0.0  # AdamW decoupled weight decay, beside the two
    epochs: int = 300  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        for name in ("alpha", "beta"):
            if not getattr(self, name) >= 0.0:
                raise PlanError(f"{name} = {getattr(self, name)} is negative.", fix="use 0 or more.")

    def phases(self, model: Learner, task: Problem) -> Iterator[Phase]:
        """Train once."""
        body, head = model.body, tuple(model.head.parameters())
        # A resumed training passes here with the first weights, and takes up its checkpoint after it.
        start = [parameter.detach().clone() for parameter in body]

        def loss(batch) -> Tensor:
            plain = self.loss(model(batch), batch.labels, batch.weights)
            moved = (now - then for now, then in zip(body, start, strict=True))
            return plain + self.alpha * half_square(moved) + self.beta * half_square(head)

        yield Phase("l2-sp", (Group((*body, *head), self.rate, self.decay),), loss, self.epochs)


def half_square(tensors: Iterable[Tensor]) -> Float[Tensor, ""]:
    """Return half the sum of all squares; 0 of no tensor."""
    return 0.5 * sum((one.square().sum() for one in tensors), torch.zeros(()))
