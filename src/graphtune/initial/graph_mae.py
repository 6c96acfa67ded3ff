"""Pre-train by restoring the features of masked nodes from their neighbours.

Source: Hou et al., KDD 2022, arXiv:2205.10803, section 3 (GraphMAE), equation 2 for the scaled cosine error.
Differs from the paper: no masked row is replaced by another node's; the decoder is always a graph
convolution; the network's own layers and width are the encoder; a fifth of the epochs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from graphtune.errors import PlanError
from graphtune.graph import TextGraph
from graphtune.initial.pretext import check_share, drawn, masked, pretext
from graphtune.layer import GCN
from graphtune.model import Batch, Model, Task
from graphtune.phase import Phase


@dataclass(frozen=True)
class GraphMAE:
    """Minimise ``(1 - cos(x, decoded))^power`` over masked rows.

    Their outputs are masked again before the decoder, so that it can restore them from neighbours only:
    where a graph has no edge but loops, the layers learn nothing.

    Raises:
        PlanError: a value is out of its range; the network has no layer (on the first phase).
    """

    share: float = 0.5  # of a step's rows that are masked; one at least
    power: float = 2.0  # gamma: above 1, rows that are nearly right count less
    rate: float = 1e-3  # AdamW step size
    decay: float = 2e-4  # AdamW decoupled weight decay
    epochs: int = 300

    def __post_init__(self) -> None:
        check_share(self, "share", usual="0.5")
        if not self.power >= 1.0:
            raise PlanError(f"GraphMAE.power = {self.power} is less than 1.", fix="use 1 to 3; 2 is usual.")

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Train once."""
        own = _Restoring(task.features.shape[1], model.head.in_features)

        def loss(batch: Batch) -> Tensor:
            rows = drawn(batch.rows, max(1, round(self.share * len(batch.rows))))
            states = model.embed(masked(batch.features, rows, own.token), batch.graph)
            decoded = own(masked(own.between(states), rows, own.again), batch.graph)
            return scaled_cosine_error(decoded[rows], batch.features[rows], self.power)

        yield from pretext(self, model, task, own, loss, further=1)


class _Restoring(nn.Module):
    """Both masks, and the decoder."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(inputs))  # in place of features
        self.between = nn.Linear(width, width, bias=False)
        # In place of what the layers say; not zeros, whose cosine has no useful gradient.
        self.again = nn.Parameter(0.02 * torch.randn(width))
        self.decoder = GCN(width, inputs)

    def forward(self, states: Float[Tensor, "N G"], graph: TextGraph) -> Float[Tensor, "N F"]:
        return self.decoder(states, graph)


def scaled_cosine_error(
    found: Float[Tensor, "M F"], wanted: Float[Tensor, "M F"], power: float
) -> Float[Tensor, ""]:
    """Return the mean over rows of ``(1 - cos)^power``; a row of zeros has a cosine of 0 to every other."""
    # Rounding may put a cosine above 1, where a broken power has no value.
    return (1.0 - cosine_similarity(found, wanted, dim=1)).clamp_min(0.0).pow(power).mean()
