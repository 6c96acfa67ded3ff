"""The head that sensitivities are measured with: logistic regression on the frozen encoder's rows."""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from graphtune.errors import TrainError
from graphtune.model import TextModel, TextTask
from graphtune.model.text import in_pieces
from graphtune.structure.exact import exact_rows

_STRENGTH = 10.0  # scikit-learn's C, as tuning starts from
_STEPS = 200  # of L-BFGS at most


def fit_head(model: TextModel, task: TextTask) -> None:
    """Set the head to logistic regression on what the encoder makes of the labelled training rows.

    Raises:
        TrainError: no training row has a label.
    """
    rows = task.train[task.labels[task.train] >= 0]
    if not rows.numel():
        raise TrainError("There is no labelled row to train on.", fix="label some training rows.")
    with torch.no_grad():
        x = in_pieces(task, rows, lambda batch: exact_rows(model, batch))
    weights = None if task.weights is None else task.weights[rows]
    weight, bias = logistic(x, task.labels[rows], task.classes, weights)
    with torch.no_grad():
        model.head.weight.copy_(weight)
        model.head.bias.copy_(bias)


def logistic(
    x: Float32[Tensor, "T F"],
    labels: Int64[Tensor, " T"],
    classes: int,
    weights: Float32[Tensor, " T"] | None,
) -> tuple[Float32[Tensor, "C F"], Float32[Tensor, " C"]]:
    """Return weights and offsets of multinomial logistic regression with an L2 penalty on the weights."""
    x = x.double()
    count = torch.ones(len(x), dtype=torch.float64) if weights is None else weights.double()
    learned = torch.zeros(classes, x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [learned], max_iter=_STEPS, history_size=20, tolerance_grad=1e-6, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimiser.zero_grad()
        each = cross_entropy(x @ learned[:, :-1].T + learned[:, -1], labels, reduction="none")
        penalty = learned[:, :-1].square().sum() / (2 * _STRENGTH)
        total = ((each * count).sum() + penalty) / count.sum().clamp_min(1e-12)
        total.backward()
        return total

    optimiser.step(loss)  # type: ignore[arg-type] # torch types the closure as one that returns a float
    found = learned.detach().float()
    return found[:, :-1].contiguous(), found[:, -1].contiguous()
