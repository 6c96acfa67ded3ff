"""Keep what the layers put out near what they put out at the start, where it matters to the task.

Source: DELTA, Li et al., ICLR 2019, arXiv:1901.09229, section 3 (alpha and beta 0.01).
Differs from the paper: a channel is an output feature of a graph layer, after ReLU, and switching it off sets
it to 0 at every node; it is attended to by softmax of the loss on the training rows, times the number of
features, so that attention is 1 on average (the authors' program does so too), of at most 4096 of them, drawn
at random; features are compared without
dropout, on the rows of a step; the head that is trained for the attention goes on learning.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Batch, Learner, Model, Problem, Task
from graphtune.phase import Group, Phase
from graphtune.strategy.l2_sp import half_square
from graphtune.strategy.last_layers import with_layers
from graphtune.strategy.start import Start

_ATTENDED = 4096  # training rows by which attention is worked out


@dataclass(frozen=True)
class DELTA:
    """``loss + alpha / 2 mean over rows of Σ a_i (F_i - start's F_i)² + beta / 2 ‖head‖²``.

    With attention the head learns first; then every a_i is worked out, and body and head learn. Cost: a
    second pass in each step; for the attention, a pass of the layers above for each feature of each layer.

    Raises:
        PlanError: a value is out of its range; the model has no graph layers (on the first phase).
    """

    alpha: float = 0.01
    beta: float = 0.01
    attention: bool = True  # False: every a_i is 1
    head_epochs: int = 50  # of the head alone, at most
    rate: float = 0.01  # AdamW step size
    decay: float = 0.0  # AdamW decoupled weight decay, beside the two
    epochs: int = 300  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        for name, least in (("alpha", 0.0), ("beta", 0.0), ("head_epochs", 1)):
            if not getattr(self, name) >= least:
                raise PlanError(
                    f"{name} = {getattr(self, name)} is less than {least}.", fix=f"use {least} or more."
                )

    def phases(self, model: Learner, task: Problem) -> Iterator[Phase]:
        """Train the head, if there is attention to be worked out, then all."""
        network = with_layers(model, self)
        group = Group.of(self.rate, network.head, decay=self.decay)
        assert isinstance(task, Task)
        weights: list[Tensor] | None = None
        if self.attention and self.alpha:
            yield Phase("head", (group,), lambda batch: self._plain(network, batch), self.head_epochs)
            weights = attention(network, task, self.loss)
        start = Start(network)

        def loss(batch: Batch) -> Tensor:
            plain = self._plain(network, batch)
            return plain + self.alpha * moved(network, start, batch, weights) if self.alpha else plain

        group = Group((*network.body, *network.head.parameters()), self.rate, self.decay)
        yield Phase("delta", (group,), loss, self.epochs)

    def _plain(self, model: Model, batch: Batch) -> Tensor:
        plain = self.loss(model(batch), batch.labels, batch.weights)
        return plain + self.beta * half_square(model.head.parameters())


def moved(model: Model, start: Start, batch: Batch, weights: list[Tensor] | None) -> Float[Tensor, ""]:
    """Return half the weighted squared distance of all layers' features, on average over the rows."""
    total = torch.zeros(())
    climb = model.climb(batch.features, batch.graph)
    for number, (now, then) in enumerate(zip(climb, start.features(batch), strict=True)):
        apart = (now[batch.rows] - then[batch.rows]).square()
        total = total + 0.5 * (apart if weights is None else apart * weights[number]).sum(1).mean()
    return total


@torch.no_grad()
def attention(model: Model, task: Task, loss: Loss) -> list[Float[Tensor, " G"]]:
    """Return for each layer how much the loss of the training rows needs each of its features; 1 on average.

    Only what these rows, or those that are drawn of them, depend on is worked out, in blocks.
    """
    found: list[Tensor] = []
    rows = task.train
    if len(rows) > _ATTENDED:
        rows = rows[torch.randperm(len(rows))[:_ATTENDED].to(rows.device)]
    batch = replace(task.batch(rows), graph=task.graph.to("cpu"))
    for number, x in enumerate(model.climb_in_blocks(batch.features, batch.graph, rows), 1):
        # The loss with all features on, which the paper subtracts, is nothing to a softmax.
        without = [_loss_above(model, _without(x, one), number, batch, loss) for one in range(x.shape[1])]
        found.append(torch.softmax(torch.stack(without), 0) * x.shape[1])
    return found


def _without(x: Tensor, feature: int) -> Tensor:
    return x.index_fill(1, torch.tensor([feature], device=x.device), 0.0)


def _loss_above(model: Model, x: Tensor, first: int, batch: Batch, loss: Loss) -> Tensor:
    *_, top = x, *model.climb_in_blocks(x, batch.graph, batch.rows, first=first)
    return loss(model.head(top[batch.rows]), batch.labels, batch.weights)
