"""Pre-train by predicting the features of masked nodes with a linear map.

Source: Hu et al., ICLR 2020, arXiv:1905.12265, section 3.1.2 (attribute masking).
Differs from the paper: features are numbers, so that the loss is the squared error; features of edges, which
texts' graphs do not have but for weights, are masked by `MaskedEdges`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from graphtune.initial.pretext import check_share, drawn, masked, pretext
from graphtune.model import Batch, Model, Task
from graphtune.phase import Phase


@dataclass(frozen=True)
class Masking:
    """Minimise the squared error of what a linear map of the layers' output says of masked rows.

    Where a graph has no edge but loops, the layers learn what masked rows are on average.

    Raises:
        PlanError: ``share`` is out of its range; the network has no layer (on the first phase).
    """

    share: float = 0.15  # of a step's rows that are masked; one at least
    rate: float = 1e-3  # AdamW step size
    decay: float = 0.0  # AdamW decoupled weight decay
    epochs: int = 100

    def __post_init__(self) -> None:
        check_share(self, "share", usual="0.15")

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Train once."""
        own = _Predicting(task.features.shape[1], model.head.in_features)

        def loss(batch: Batch) -> Tensor:
            rows = drawn(batch.rows, max(1, round(self.share * len(batch.rows))))
            states = model.embed(masked(batch.features, rows, own.token), batch.graph)
            return mse_loss(own.decoder(states[rows]), batch.features[rows])

        yield from pretext(self, model, task, own, loss)


class _Predicting(nn.Module):
    """The mask, and the decoder."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(inputs))
        self.decoder = nn.Linear(width, inputs)
