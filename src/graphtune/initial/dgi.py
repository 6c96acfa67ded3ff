"""Pre-train by telling nodes among their own neighbours from nodes whose features were shuffled.

Source: Veličković et al., ICLR 2019, arXiv:1809.10341, equations 1 to 4 (Deep Graph Infomax), and section
4.2 for the encoder's step size.
Differs from the paper: layers have ReLU where it has PReLU; a fixed number of epochs, without early stopping
on the training loss.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from graphtune.initial.pretext import drawn, pretext
from graphtune.model import Batch, Model, Task
from graphtune.phase import Phase


@dataclass(frozen=True)
class DGI:
    """Minimise ``-log D(h, s) - log(1 - D(h', s))``, with D the logistic function of ``h M s``.

    ``h`` are the layers' outputs, ``h'`` the same with the rows of the features shuffled, and ``s`` the
    logistic function of the mean of ``h``.

    Raises:
        PlanError: the network has no layer (on the first phase).
    """

    rate: float = 1e-3  # AdamW step size
    decay: float = 0.0  # AdamW decoupled weight decay
    epochs: int = 300

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Train once."""
        own = Discriminator(model.head.in_features)

        def loss(batch: Batch) -> Tensor:
            real = model.embed(batch.features, batch.graph)[batch.rows]
            nodes = torch.arange(batch.graph.nodes, device=batch.rows.device)
            shuffled = batch.features[drawn(nodes, len(nodes))]
            false = model.embed(shuffled, batch.graph)[batch.rows]
            summary = torch.sigmoid(real.mean(0))
            return (softplus(-own(real, summary)) + softplus(own(false, summary))).mean()

        yield from pretext(self, model, task, own, loss)


class Discriminator(nn.Module):
    """``h M s`` for every row ``h``: above 0 where it belongs to the summary ``s``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.empty(width, width))
        nn.init.xavier_uniform_(self.matrix)

    def forward(self, states: Float[Tensor, "B G"], summary: Float[Tensor, " G"]) -> Float[Tensor, " B"]:
        """Return a score for every row."""
        return states @ (self.matrix @ summary)
