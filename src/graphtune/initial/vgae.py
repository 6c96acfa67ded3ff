"""Pre-train by telling edges from other pairs by rows that are drawn around what the layers say.

Source: Kipf & Welling, NeurIPS 2016 workshop on Bayesian deep learning, arXiv:1611.07308, equations 1 to 3.
Differs from the paper: as `GAE` does, mean and deviation being linear maps of the layers' output.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphtune.initial.gae import check_latent, edge_loss
from graphtune.initial.pretext import pretext
from graphtune.model import Batch, Model, Task
from graphtune.phase import Phase

_MOST = 10.0  # of the logarithm of a deviation, whose exponential is then finite


@dataclass(frozen=True)
class VGAE:
    """The loss of `GAE` at ``z = mean + deviation · noise``, plus ``KL(z || normal) / N``.

    Where a graph has no edge but loops, only the second part is learned from.

    Raises:
        PlanError: ``latent`` is less than 1; the network has no layer (on the first phase).
    """

    latent: int = 16  # width of z
    rate: float = 0.01  # AdamW step size
    decay: float = 0.0  # AdamW decoupled weight decay
    epochs: int = 200

    def __post_init__(self) -> None:
        check_latent(self)

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Train once."""
        width = model.head.in_features
        own = nn.ModuleDict({name: nn.Linear(width, self.latent) for name in ("mean", "deviation")})

        def loss(batch: Batch) -> Tensor:
            states = model.embed(batch.features, batch.graph)
            mean, deviation = own["mean"](states), own["deviation"](states).clamp_max(_MOST)
            noise = torch.randn(mean.shape, dtype=mean.dtype).to(mean.device)
            apart = kl_to_normal(mean[batch.rows], deviation[batch.rows]) / task.graph.nodes
            return edge_loss(mean + deviation.exp() * noise, batch) + apart

        yield from pretext(self, model, task, own, loss, further=1)


def kl_to_normal(mean: Float[Tensor, "B G"], deviation: Float[Tensor, "B G"]) -> Float[Tensor, ""]:
    """Return the mean over rows of their divergence from a standard normal; ``deviation``: its logarithm."""
    return -0.5 * (1 + 2 * deviation - mean.square() - (2 * deviation).exp()).sum(1).mean()
