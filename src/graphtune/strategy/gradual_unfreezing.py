"""Let one more layer learn at a time, from the top.

Source: Howard & Ruder, ACL 2018, arXiv:1801.06146, section 3.3.
Differs from the paper: a phase before the last has ``each`` epochs rather than one, for an epoch over a graph
is often a single step; step sizes are equal in all layers and do not follow a slanted triangle.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Learner, Problem
from graphtune.phase import Group, Phase
from graphtune.strategy.last_layers import with_layers


@dataclass(frozen=True)
class GradualUnfreezing:
    """Learn the head, then the head and the topmost layer, and so on down to the lowest.

    Raises:
        PlanError: ``each`` is less than 1; the model has no graph layers (on the first phase).
    """

    each: int = 20  # epochs of every phase but the last, at most
    rate: float = 0.01  # AdamW step size
    decay: float = 5e-4  # AdamW decoupled weight decay
    epochs: int = 300  # of the last phase, at most
    loss: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        if self.each < 1:
            raise PlanError(f"each = {self.each} leaves out phases.", fix="use 1 or more, or use Full.")

    def phases(self, model: Learner, task: Problem) -> Iterator[Phase]:
        """Train once for the head, and once more for each layer."""
        network = with_layers(model, self)
        layers = list(network.layers)
        for frozen in range(len(layers), -1, -1):
            yield Phase(
                "head" if frozen == len(layers) else f"from layer {frozen + 1}",
                (Group.of(self.rate, *layers[frozen:], network.head, decay=self.decay),),
                lambda batch: self.loss(network(batch), batch.labels, batch.weights),
                self.each if frozen else self.epochs,
            )
