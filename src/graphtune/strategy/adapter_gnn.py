"""Small bottlenecks beside frozen graph layers.

Source: AdapterGNN, Li, Han & Bai, AAAI 2024, arXiv:2304.09595 (two adapters a layer, one
before and one after what is aggregated; bottleneck 15; scales that are learned from 0.01; batch norm).
Differs from the paper: the layers are any graph layers, without a batch norm of their own that could learn,
and their biases stay frozen; what the second adapter reads is one hop of the normalised graph, whatever the
layer aggregates itself; the map up has no bias, which the batch norm behind it would cancel; where steps are
samples of a graph, a step's statistics are those of the nodes whose features it tells, and the moving ones
those of the whole graph after each epoch.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import batch_norm

from graphtune.errors import PlanError
from graphtune.graph import TextGraph
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Layered, NodeProblem
from graphtune.phase import Group, Phase
from graphtune.strategy.statistics import Statistics, every


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
        statistics = Statistics(model, task)

        def loss(batch: Any) -> Tensor:
            statistics.begin(batch)
            return self.loss(model(batch), batch.labels, batch.weights)

        yield Phase(
            "adapters",
            (Group.of(self.rate, *adapters, decay=self.decay), Group.of(self.head_rate, model.head)),
            loss,
            self.epochs,
            refresh=statistics.refresh,
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
        self.counted: Int64[Tensor, " M"] | None = None  # nodes of a sample that have their right features
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Float[Tensor, "N F"], mix: Callable[[Tensor], Tensor]) -> Float[Tensor, "N G"]:
        """Return what is added to a layer's output."""
        wide, norm = self._wide(x, mix), self.norm
        if self.training and self.counted is not None and len(self.counted) > 1:
            own = batch_norm(
                wide[self.counted], None, None, norm.weight, norm.bias, training=True, eps=norm.eps
            )
            # What nothing counts on may be anything.
            return self.scale * torch.zeros_like(wide).index_copy(0, self.counted, own)
        # One row has no variance.
        several = self.training and self.counted is None and len(x) > 1
        kept = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        return self.scale * batch_norm(wide, *kept, several, norm.momentum or 0.1, norm.eps)

    def settle(self, x: Float[Tensor, "N F"], mix: Callable[[Tensor], Tensor]) -> None:
        """Take the statistics of all nodes."""
        wide, norm = self._wide(x, mix), self.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.copy_(wide.mean(0))
        norm.running_var.copy_(wide.var(0, correction=min(1, len(wide) - 1)))

    def _wide(self, x: Tensor, mix: Callable[[Tensor], Tensor]) -> Tensor:
        # Mixed while narrow: the map down is linear.
        return self.up(torch.relu(mix(self.down(x)) + self.bias))


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

    def count(self, nodes: Int64[Tensor, " M"] | None) -> None:
        """Let only some nodes of the next step count in its statistics, and move nothing; None = all."""
        self.own.counted = self.near.counted = nodes

    @torch.no_grad()
    def settle(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Take the adapters' statistics over all nodes; return the output with them."""
        self.own.settle(x, lambda narrow: narrow)
        here = graph.to(x.device)
        self.near.settle(x, lambda narrow: self.averaged(narrow, here))
        return every(self, x, graph)

    # However a layer is called: one of a stranger's module has more arguments than a graph.
    def forward(self, x: Float[Tensor, "N F"], *on: Any, **named: Any) -> Float[Tensor, "N G"]:
        """Add what the adapters say to what the layer says."""
        near = self.near(x, lambda narrow: self.averaged(narrow, *on, **named))
        return self.layer(x, *on, **named) + self.own(x, lambda narrow: narrow) + near
