"""Tune the biases alone.

Source: Ben Zaken, Goldberg & Ravfogel, ACL 2022, arXiv:2106.10199, section 3.
Differs from the paper: the scales of normalisations stay too, and the head learns whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import nn

from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Learner, Problem
from graphtune.phase import Group, Phase


@dataclass(frozen=True)
class BitFit:
    """Learn every bias below the head, and the head.

    Raises:
        PlanError: nothing below the head has a bias (on the first phase).
    """

    rate: float = 1e-3  # AdamW step size
    head_rate: float = 5e-3
    epochs: int = 10  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def phases(self, model: Learner, task: Problem) -> Iterator[Phase]:
        """Train once."""
        assert isinstance(model, nn.Module)
        body = {id(parameter) for parameter in model.body}
        biases = tuple(p for name, p in model.named_parameters() if id(p) in body and name.endswith("bias"))
        if not biases:
            raise PlanError("BitFit finds no bias below the head.", fix="use another strategy.")
        yield Phase(
            "biases",
            (Group(biases, self.rate), Group(tuple(model.head.parameters()), self.head_rate)),
            lambda batch: self.loss(model(batch), batch.labels, batch.weights),
            self.epochs,
        )
