"""Small bottlenecks beside frozen graph layers.

Source: AdapterGNN, Li, Han & Bai, AAAI 2024, arXiv:2304.09595 (two adapters a layer, one
before and one after what is aggregated; bottleneck 15; scales that are learned from 0.01; batch norm).
Differs from the paper: the layers are any graph layers, without a batch norm of their own that could learn,
and their biases stay frozen; what the second adapter reads is one hop of the normalised graph, whatever the
layer aggregates itself; the map up has no bias, which the batch norm behind it would cancel.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import batch_norm

from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Layered, NodeProblem
from graphtune.phase import Group, Phase


@dataclass(frozen=True)
class AdapterGNN:
    """Learn two adapters for each layer, and the head: ``2 (b (F + G + 1) + 2 G + 1)`` numbers a layer.

    That is 5 % of a GIN layer 300 wide, as in the paper, but more than half of a map from 384 to 64.

    Raises:
        PlanError: a value is out of its range; the model has no layer (on the first phase).
    """

    bottleneck: int = 15  # b
    scale: float = 0.01  # of an adapter's output at first
    rate: float = 1e-3  # AdamW step size
    head_rate: float = 0.01
    decay: float = 0.0  # AdamW decoupled weight decay
    epochs: int = 100  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        if self.bottleneck < 1:
            raise PlanError(f"bottleneck = {self.bottleneck} lets nothing through.", fix="use 1 or more.")
        if self.scale == 0.0:
            raise PlanError("scale = 0 lets nothing of an adapter learn.", fix="use a small number: 0.01.")

    def grown(self, model: Layered, inputs: int) -> None:
        """Put the adapters beside the layers; no score changes.

        Raises:
            PlanError: there is no layer.
        """
        widths = model.widths(inputs)
        if not widths:
            raise PlanError("AdapterGNN stands beside graph layers; there is none.", fix="use LinearProbe.")
        for number, (before, after) in enumerate(widths):
            own, near = (Adapter(before, self.bottleneck, after, self.scale) for _ in range(2))
            adapted = Adapted(model.layers[number], own, near, model.averaged)
            model.layers[number] = adapted.to(next(model.head.parameters()))

    def phases(self, model: Layered, task: NodeProblem) -> Iterator[Phase]:
        """Put the adapters in and train once."""
        self.grown(model, task.features.shape[1])
        adapters = [part for layer in model.layers for part in (layer.own, layer.near)]
        yield Phase(
            "adapters",
            (Group.of(self.rate, *adapters, decay=self.decay), Group.of(self.head_rate, model.head)),
            lambda batch: self.loss(model(batch), batch.labels, batch.weights),
            self.epochs,
        )


class Adapter(nn.Module):
    """``s BN(relu(M x W_down + b) W_up)``, M being what mixes nodes; ``W_up`` starts at 0."""

    def __init__(self, inputs: int, bottleneck: int, outputs: int, scale: float) -> None:
        super().__init__()
        self.down = nn.Linear(inputs, bottleneck, bias=False)
        self.bias = nn.Parameter(torch.zeros(bottleneck))
        self.up = nn.Linear(bottleneck, outputs, bias=False)
        self.norm = nn.BatchNorm1d(outputs)
        self.scale = nn.Parameter(torch.tensor([scale]))
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Float[Tensor, "N F"], mix: Callable[[Tensor], Tensor]) -> Float[Tensor, "N G"]:
        """Return what is added to a layer's output."""
        # Mixed while narrow: the map down is linear.
        wide, norm = self.up(torch.relu(mix(self.down(x)) + self.bias)), self.norm
        # One row has no variance.
        several = self.training and len(x) > 1
        kept = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        return self.scale * batch_norm(wide, *kept, several, norm.momentum or 0.1, norm.eps)


class Adapted(nn.Module):
    """``layer(x) + own(x) + near(average of x over neighbours)``."""

    def __init__(
        self, layer: nn.Module, own: Adapter, near: Adapter, averaged: Callable[..., Tensor]
    ) -> None:
        super().__init__()
        self.layer, self.own, self.near, self.averaged = layer, own, near, averaged

    @property
    def hops(self) -> int:
        """As many as the layer's, and at least the one of the second adapter."""
        return max(1, self.layer.hops)  # type: ignore[call-overload]

    # However a layer is called: one of a stranger's module has more arguments than a graph.
    def forward(self, x: Float[Tensor, "N F"], *on: Any, **named: Any) -> Float[Tensor, "N G"]:
        """Add what the adapters say to what the layer says."""
        near = self.near(x, lambda narrow: self.averaged(narrow, *on, **named))
        return self.layer(x, *on, **named) + self.own(x, lambda narrow: narrow) + near
