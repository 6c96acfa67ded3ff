"""A copy of a frozen network that learns, reads a condition, and is added to it through maps that start at 0.

Source: GraphControl, Zhu et al., WWW 2024, arXiv:2310.07365, after ControlNet.
Differs from the paper: there the network reads where nodes lie in the graph, and the condition says which
have similar attributes (eigenvectors of a thresholded similarity). Here the network reads attributes itself,
and the graph is of similarities, or given; so the condition is the average of a node's and its neighbours'
features over the normalised graph, as wide as they are. The copy is added before the last ReLU; both parts
have the model's dropout.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.graph import TextGraph
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Model, Task
from graphtune.phase import Group, Phase


@dataclass(frozen=True)
class GraphControl:
    """``frozen(x) + Z_2 copy(x + Z_1 c)``: learn the copy, ``Z_1``, ``Z_2`` and the head.

    Numbers: those of the layers, ``F (F + 1) + G (G + 1)``, and the head's: more than full tuning learns.

    Raises:
        PlanError: the model has no layer (on the first phase).
    """

    rate: float = 0.01  # AdamW step size; of the whole, 0.1 to 0.5 in the paper
    decay: float = 5e-4  # AdamW decoupled weight decay
    epochs: int = 100  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def grown(self, model: Model, inputs: int) -> None:
        """Put a copy beside every layer; no score changes.

        Raises:
            PlanError: there is no layer.
        """
        last = len(model.layers) - 1
        if last < 0:
            raise PlanError("GraphControl copies graph layers; there is none.", fix="use LinearProbe.")
        output = model.head.in_features
        for number, layer in enumerate(model.layers):
            enter, leave = (inputs if number == 0 else None), (output if number == last else None)
            model.layers[number] = Controlled(layer, enter, leave).to(model.head.weight)

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Put the copy in and train once."""
        self.grown(model, task.features.shape[1])
        parts = [part for layer in model.layers for name, part in layer.named_children() if name != "frozen"]
        yield Phase(
            "control",
            (Group.of(self.rate, *parts, model.head, decay=self.decay),),
            lambda batch: self.loss(model(batch), batch.labels, batch.weights),
            self.epochs,
        )


class Controlled(nn.Module):
    """A layer and its copy, whose features lie side by side between the first and the last of a network.

    Args:
        layer: stays as it is.
        enter: width of the features, for the first layer: its input is one, and its copy reads a condition.
        leave: width of the output, for the last: the copy's is added to the layer's.
    """

    def __init__(self, layer: nn.Module, enter: int | None, leave: int | None) -> None:
        super().__init__()
        self.frozen, self.copy = layer, deepcopy(layer)
        self.enter = None if enter is None else _zero(enter)
        self.leave = None if leave is None else _zero(leave)

    @property
    def hops(self) -> int:
        """As many as the layer's, and one more for the condition."""
        hops: int = self.frozen.hops  # type: ignore[assignment]
        return hops if self.enter is None else hops + 1

    def forward(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Apply both; where they neither begin nor end, ``x`` and the result hold one beside the other."""
        if self.enter is None:
            own, other = x.chunk(2, dim=1)
        else:
            own, other = x, x + self.enter(Model.averaged(x, graph))
        own, other = self.frozen(own, graph), self.copy(other, graph)
        return torch.cat([own, other], 1) if self.leave is None else own + self.leave(other)


def _zero(width: int) -> nn.Linear:
    linear = nn.Linear(width, width)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
