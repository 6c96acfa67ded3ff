"""Tune the topmost layers and the head.

Source: Yosinski et al., NeurIPS 2014, arXiv:1411.1792 (the layers below are copied and frozen).
Differs from the paper: the layers are those of a graph network, and dropout stays active in the frozen ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Learner, Model, Problem
from graphtune.phase import Group, Phase


@dataclass(frozen=True)
class LastLayers:
    """Learn the ``count`` topmost graph layers, or all if there are fewer, and the head.

    Raises:
        PlanError: ``count`` is less than 1; the model has no graph layers (on the first phase).
    """

    count: int = 1
    rate: float = 0.01  # AdamW step size
    decay: float = 5e-4  # AdamW decoupled weight decay
    epochs: int = 300  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        if self.count < 1:
            raise PlanError(f"count = {self.count} tunes no layer.", fix="use 1 or more, or use LinearProbe.")

    def phases(self, model: Learner, task: Problem) -> Iterator[Phase]:
        """Train once."""
        network = with_layers(model, self)
        group = Group.of(self.rate, *network.layers[-self.count :], network.head, decay=self.decay)
        yield Phase(
            "last layers",
            (group,),
            lambda batch: self.loss(network(batch), batch.labels, batch.weights),
            self.epochs,
        )


def with_layers(model: Learner, strategy: object) -> Model:
    """Return a model that is a network of one or more graph layers.

    Raises:
        PlanError: it is none.
    """
    if not isinstance(model, Model) or not len(model.layers):
        raise PlanError(
            f"{type(strategy).__name__} tells graph layers apart, and this {type(model).__name__} has none.",
            fix="use it for a Network of one layer or more, or use Full.",
        )
    return model
