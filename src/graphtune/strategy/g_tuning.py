"""Tune a network so that its rows tell how the graph round each node is made.

Source: G-Tuning, Sun et al., AAAI 2024, arXiv:2312.13583 (a graphon, estimated by sorting and smoothing, is
rebuilt as a mixture of learned bases; the weights of the mixture come from the network).
Differs from the paper: there is one graph, not many, so each labelled node's own neighbourhood stands for a
graph; what is rebuilt is compared entry by entry, both sides sorted by degree, which is no less than the
Gromov-Wasserstein distance of the paper; a linear map, not another network, makes the weights; nothing
denoises the estimate but its blocks.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from scipy import sparse
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.graph import TextGraph
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Batch, Model, Task
from graphtune.phase import Group, Phase


@dataclass(frozen=True)
class GTuning:
    """``loss + weight * mean (sum_k softmax(h A + a)_k sigmoid(B_k) - W)^2``; all of the network learns.

    ``W`` (blocks × blocks) is the graphon of a node's neighbourhood. The bases and the map are gone when
    training ends.

    Raises:
        PlanError: a value is out of its range; the model has no layer (on the first phase).
    """

    bases: int = 8
    blocks: int = 8  # along each side of a graphon
    reach: int = 1  # hops from a node to the edge of its neighbourhood
    weight: float = 0.1  # of the graphons in the loss
    rate: float = 0.01  # AdamW step size
    decay: float = 5e-4  # AdamW decoupled weight decay
    epochs: int = 300  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        for name in ("bases", "blocks", "reach"):
            if getattr(self, name) < 1:
                raise PlanError(f"{name} = {getattr(self, name)} is too few.", fix="use 1 or more.")
        if self.weight < 0.0:
            raise PlanError(f"weight = {self.weight} is negative.", fix="use 0 or more; 0.1 is usual.")

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Estimate the graphons and train once."""
        if not len(model.layers):
            raise PlanError("GTuning tunes graph layers; there is none.", fix="use LinearProbe.")
        size = self.blocks * self.blocks
        targets = task.features.new_zeros(task.graph.nodes, size)
        targets[task.train] = graphons(task.graph, task.train, self.reach, self.blocks).to(targets)
        drawn = torch.randint(len(task.train), (self.bases,))
        mixture = Mixture(model.head.in_features, targets[task.train[drawn.to(task.train.device)]])
        model.graphons = mixture.to(model.head.weight)
        group = Group((*model.parameters(),), self.rate, self.decay)

        def loss(batch: Batch) -> Tensor:
            assert batch.targets is not None
            rows = model.embed(batch.features, batch.graph).index_select(0, batch.rows)
            rebuilt = (mixture(rows) - batch.targets).square().mean()
            return self.loss(model.scores(rows), batch.labels, batch.weights) + self.weight * rebuilt

        try:
            yield Phase("graphons", (group,), loss, self.epochs, task=replace(task, targets=targets))
        finally:
            del model.graphons


class Mixture(nn.Module):
    """``sum_k softmax(h A + a)_k sigmoid(B_k)``; the bases start at ``first`` - 0.5."""

    def __init__(self, inputs: int, first: Float[Tensor, "K _"]) -> None:
        super().__init__()
        self.bases = nn.Parameter(first.detach() - 0.5)
        self.mixing = nn.Linear(inputs, len(first))

    def forward(self, rows: Float[Tensor, "B F"]) -> Float[Tensor, "B _"]:
        """Return the flat graphon of each row."""
        return torch.softmax(self.mixing(rows), 1) @ torch.sigmoid(self.bases)


def graphons(graph: TextGraph, rows: Int64[Tensor, " B"], reach: int, blocks: int) -> Float32[Tensor, "B _"]:
    """Return, flat, the graphon of each row's neighbourhood: means over blocks of its sorted adjacency.

    An entry of the adjacency is 1 where an edge has a weight, whatever it is; nodes are sorted by falling
    degree within the neighbourhood, the one with the smaller number first where it is the same.
    """
    adjacency = graph.scipy()
    found = []
    for row in rows.cpu():
        near = graph.reach(row[None], reach).numpy()
        inside = adjacency[near][:, near].astype(np.float32)
        inside.data[:] = inside.data != 0
        degree = np.asarray(inside.sum(0)).ravel() + np.asarray(inside.sum(1)).ravel()
        order = np.argsort(-degree, kind="stable")
        found.append(means(inside[order][:, order], blocks).ravel())
    return torch.from_numpy(np.stack(found))


def means(step: Float32[np.ndarray, "N N"] | sparse.csr_array, blocks: int) -> Float32[np.ndarray, "_ _"]:
    """Return the means over ``blocks`` × ``blocks`` equal parts of the unit square of a step function."""
    matrix: Any = step  # SciPy's types do not say that it has a shape
    ends, cuts = np.linspace(0, 1, matrix.shape[0] + 1), np.linspace(0, 1, blocks + 1)
    shared = np.minimum(cuts[1:, None], ends[None, 1:]) - np.maximum(cuts[:-1, None], ends[None, :-1])
    share = blocks * shared.clip(0)
    return np.asarray((matrix.T @ share.T).T @ share.T, dtype=np.float32)
