"""The weights of a network of the same shape that was trained without edges.

Source: Han et al., ICLR 2023, arXiv:2210.00102 (MLPInit; the network without edges is its PeerMLP).
Differs from the paper: AdamW; a step sees all rows, unless the loop says otherwise, so that there are fewer
steps, and the step size is ten times that of the authors' code, which has 1000 rows a step.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch

from graphtune.errors import PlanError
from graphtune.graph import TextGraph
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Model, Task
from graphtune.phase import Group, Phase


@dataclass(frozen=True)
class MLPInit:
    """Train the whole network on the labelled rows as if they had no neighbours; start from its weights.

    Each has itself for its only neighbour, so that what a layer learns for neighbours, as SAGE does, learns
    too; attention has nothing to choose among, and stays as it is. What follows has an optimiser of its own.
    Cost: that of a network over the labelled rows alone, and a copy of their features.

    Raises:
        PlanError: a value is out of its range.
    """

    epochs: int = 50  # at most
    rate: float = 0.01  # AdamW step size
    decay: float = 0.0  # AdamW decoupled weight decay
    loss: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise PlanError(f"epochs = {self.epochs} learns nothing.", fix="use 1 or more; 50 is usual.")
        if not self.rate > 0:
            raise PlanError(f"rate = {self.rate} learns nothing.", fix="use more than 0; 0.01 is usual.")
        if not self.decay >= 0:
            raise PlanError(f"decay = {self.decay} is out of range.", fix="use 0 or more.")

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Train once, without edges."""
        yield Phase(
            "mlp",
            (Group.of(self.rate, *model.layers, model.head, decay=self.decay),),
            lambda batch: self.loss(model(batch), batch.labels, batch.weights),
            self.epochs,
            task=without_edges(task),
        )


def without_edges(task: Task) -> Task:
    """Return the labelled rows as nodes of a graph that has no edges but loops."""
    rows = torch.cat([task.train, task.val])
    graph, learned = task.graph.weight, len(task.train)
    numbers = torch.arange(len(rows), device=rows.device)
    return replace(
        task,
        features=task.features[rows],
        graph=TextGraph.empty(len(rows)).to(graph.device, graph.dtype).with_loops(),
        labels=task.labels[rows],
        train=numbers[:learned],
        val=numbers[learned:],
        weights=None if task.weights is None else task.weights[rows],
        targets=None if task.targets is None else task.targets[rows],
    )
