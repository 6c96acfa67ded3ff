"""What the self-supervised starts share: a phase in which layers learn from all nodes, without a label.

Source: Hu et al., ICLR 2020, arXiv:1905.12265, section 3 (train a network over a graph on a task that needs
no labels, drop what was learned for that task alone, and tune the rest).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.graph import TextGraph
from graphtune.model import Batch, Model, Task
from graphtune.phase import Group, Phase

_NAME = "pretext"  # of the task's own module, while it is a part of the model


@runtime_checkable
class Objective(Protocol):
    """What an objective says of its training."""

    @property
    def rate(self) -> float:
        """AdamW step size."""
        ...

    @property
    def decay(self) -> float:
        """AdamW decoupled weight decay."""
        ...

    @property
    def epochs(self) -> int:
        """How many."""
        ...


def pretext(
    objective: Objective,
    model: Model,
    task: Task,
    own: nn.Module,
    loss: Callable[[Batch], Tensor],
    *,
    further: int = 0,
) -> Iterator[Phase]:
    """Train the layers and ``own``, which is a part of the model until the phase has ended.

    They learn from every text of the task and from no label. The model's dropout is off meanwhile: each
    objective has a noise of its own. ``further``: edges from a row to the nodes whose layers' output its loss
    reads.

    Raises:
        PlanError: the model has no layer that could learn.
    """
    name = type(objective).__name__
    if not model.body:
        raise PlanError(
            f"{name} trains the layers of a network, and this one has none.",
            fix="give it a depth of 1 or more, or leave initial out.",
        )
    dropout, model.dropout = model.dropout, 0.0
    model.add_module(_NAME, own.to(task.features.device, task.features.dtype))
    group = Group((*model.body, *own.parameters()), objective.rate, objective.decay)
    try:
        yield Phase(
            name, (group,), loss, objective.epochs, stopping=False, task=unlabelled(task), further=further
        )
    finally:
        model.dropout = dropout
        delattr(model, _NAME)


def unlabelled(task: Task) -> Task:
    """Return a task in which every text is trained on and no label is known."""
    device = task.labels.device
    return replace(
        task,
        labels=torch.full_like(task.labels, -1),
        train=torch.arange(task.graph.texts, device=device),
        val=torch.arange(0, device=device),
        weights=None,
        targets=None,
    )


def drawn(rows: Int64[Tensor, " B"], count: int) -> Int64[Tensor, " M"]:
    """Return ``count`` of ``rows``, each once, in a random order."""
    # On the CPU, whose random state a checkpoint holds.
    return rows[torch.randperm(len(rows))[:count].to(rows.device)]


def into(graph: TextGraph, rows: Int64[Tensor, " B"]) -> Int64[Tensor, " E"]:
    """Return the numbers of the edges that ``rows`` receive, loops aside."""
    wanted = torch.zeros(graph.nodes, dtype=torch.bool, device=graph.col.device)
    wanted[rows] = True
    return (wanted[graph.target] & (graph.target != graph.source)).nonzero().flatten()


def masked(
    x: Float[Tensor, "N F"], rows: Int64[Tensor, " M"], token: Float[Tensor, " F"]
) -> Float[Tensor, "N F"]:
    """Return ``x`` with ``token`` in place of some rows."""
    return x.index_copy(0, rows, token.expand(len(rows), -1))


def check_share(owner: object, name: str, *, usual: str) -> None:
    """See that a field of an objective is a share of something, though not all of it.

    Raises:
        PlanError: it is not at least 0 and less than 1.
    """
    value = getattr(owner, name)
    if not 0.0 <= value < 1.0:
        raise PlanError(
            f"{type(owner).__name__}.{name} = {value} is out of range.",
            fix=f"use 0 or more and less than 1; {usual} is usual.",
        )
