"""Normalise features in training by the statistics of the step or by moving ones, as chance has it.

Source: Kou et al., NeurIPS 2020, "Stochastic normalization" (p 0.5, momentum 0.1).
Differs from the paper: networks here are made without normalisations, so each layer gets one, before its
ReLU, whose moving statistics are those of the starting weights and which changes nothing at the start;
statistics are over all nodes of a step's graph, those that are only neighbours too; of a sample, over those
whose features it tells, and the moving ones are then those of the whole graph after each epoch.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.graph import TextGraph
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Batch, Learner, Model, Problem, Task
from graphtune.phase import Group, Phase
from graphtune.strategy.last_layers import with_layers
from graphtune.strategy.statistics import Statistics, every

_LEAST_VARIANCE = 1e-5


@dataclass(frozen=True)
class StochNorm:
    """Learn the layers, a scale and a shift of each of their output features, and the head.

    The normalisations stay in the network: it is made anew by `grown` before saved weights are put into it.

    Raises:
        PlanError: a value is out of its range; the model has no graph layers (on the first phase).
    """

    chance: float = 0.5  # p: with which a feature takes the step's own statistics; 1 = batch normalisation
    momentum: float = 0.1  # share of the step's in the moving statistics
    rate: float = 0.01  # AdamW step size
    decay: float = 5e-4  # AdamW decoupled weight decay, of the layers and the head
    epochs: int = 300  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        for name in ("chance", "momentum"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise PlanError(f"{name} = {getattr(self, name)} is out of range.", fix="use 0 to 1.")

    def phases(self, model: Learner, task: Problem) -> Iterator[Phase]:
        """Put the normalisations in, and train once."""
        network = with_layers(model, self)
        assert isinstance(task, Task)
        own = (*network.body, *network.head.parameters())
        self.grown(network, task.features.shape[1])
        x, graph, scales = task.features, task.graph.to("cpu"), list[nn.Parameter]()
        for layer in network.layers:
            assert isinstance(layer, Normalised)
            x = torch.relu(layer.begin(x, graph))
            scales += [layer.scale, layer.shift]
        statistics = Statistics(network, task)

        def loss(batch: Batch) -> Tensor:
            statistics.begin(batch)
            return self.loss(network(batch), batch.labels, batch.weights)

        groups = (Group(own, self.rate, self.decay), Group(tuple(scales), self.rate))
        yield Phase("stochastic normalisation", groups, loss, self.epochs, refresh=statistics.refresh)

    def grown(self, model: Model, inputs: int) -> None:
        """Put a normalisation behind every layer of a network that reads ``inputs`` features."""
        for number, layer in enumerate(model.layers):
            some = next(layer.parameters()).new_zeros(1, inputs)
            with torch.no_grad():
                inputs = layer(some, TextGraph.empty(1).to(some.device, some.dtype)).shape[1]
            put = Normalised(layer, inputs, self.chance, self.momentum).to(some.device, some.dtype)
            model.layers[number] = put.train(layer.training)


class Normalised(nn.Module):
    """``scale (y - m) / sqrt(v + 1e-5) + shift`` of a graph layer's output ``y``.

    In training ``m`` and ``v`` are, for each feature by itself, the mean and the variance over the nodes with
    probability ``chance``, else the moving ones; otherwise they are the moving ones.
    """

    mean: Float[Tensor, " G"]
    variance: Float[Tensor, " G"]

    def __init__(self, layer: nn.Module, width: int, chance: float, momentum: float) -> None:
        super().__init__()
        self.layer, self.chance, self.momentum = layer, chance, momentum
        self.scale, self.shift = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))
        self._counted: Tensor | None = None

    @property
    def hops(self) -> int:
        """The layer's."""
        return self.layer.hops  # type: ignore[return-value]

    @torch.no_grad()
    def begin(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Take the layer's statistics, such that nothing is changed by them, and return its output.

        The graph lies in main memory.
        """
        y = self._follow_all(x, graph)
        self.scale.copy_((self.variance + _LEAST_VARIANCE).sqrt())
        self.shift.copy_(self.mean)
        return y

    def count(self, nodes: Int64[Tensor, " M"] | None) -> None:
        """Let only some nodes of the next step count in its statistics, and move nothing; None = all."""
        self._counted = nodes

    @torch.no_grad()
    def settle(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Take the layer's statistics over all nodes; return the output with them."""
        return self._scaled(self._follow_all(x, graph), self.variance, self.mean)

    def forward(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Run the layer, and normalise what it puts out."""
        y = self.layer(x, graph)
        variance, mean = self.variance, self.mean
        if self.training:
            own = torch.var_mean(y if self._counted is None else y[self._counted], 0, correction=0)
            drawn = (torch.rand(y.shape[1]) < self.chance).to(y.device)
            variance, mean = torch.where(drawn, own[0], variance), torch.where(drawn, own[1], mean)
            if self._counted is None:
                self._follow(*own, len(y), self.momentum)
        return self._scaled(y, variance, mean)

    def _scaled(self, y: Tensor, variance: Tensor, mean: Tensor) -> Tensor:
        scale = self.scale / (variance + _LEAST_VARIANCE).sqrt()
        return y * scale + (self.shift - mean * scale)

    def _follow_all(self, x: Tensor, graph: TextGraph) -> Tensor:
        y = every(self.layer, x, graph)
        self._follow(*torch.var_mean(y, 0, correction=0), len(y), 1.0)
        return y

    @torch.no_grad()
    def _follow(self, variance: Tensor, mean: Tensor, nodes: int, momentum: float) -> None:
        self.mean.lerp_(mean, momentum)
        self.variance.lerp_(variance * (nodes / max(nodes - 1, 1)), momentum)
