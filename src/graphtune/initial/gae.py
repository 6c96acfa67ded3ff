"""Pre-train by telling edges from pairs of nodes that have none.

Source: Kipf & Welling, NeurIPS 2016 workshop on Bayesian deep learning, arXiv:1611.07308 (the graph
auto-encoder, GAE).
Differs from the paper: one non-edge is drawn for each edge, rather than all weighed against the edges; the
last layer, which has no ReLU, is a linear map that is dropped afterwards; weights of edges are not
reconstructed; loops are no edges.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import softplus

from graphtune.errors import PlanError
from graphtune.graph import TextGraph
from graphtune.initial.pretext import Objective, into, pretext
from graphtune.model import Batch, Model, Task
from graphtune.phase import Phase

_EDGES = 1 << 18  # of a step at most, drawn anew each time; their rows are what a step holds
_DRAWS = 4  # a pair that is an edge is drawn again so often, then left out


@dataclass(frozen=True)
class GAE:
    """Minimise ``-log s(z_i · z_j)`` over edges and ``-log(1 - s(z_i · z_j))`` over pairs without one.

    ``s`` is the logistic function, ``z`` a linear map of the layers' output. Where a graph has no edge but
    loops, nothing is learned.

    Raises:
        PlanError: ``latent`` is less than 1; the network has no layer (on the first phase).
    """

    latent: int = 16  # width of z
    rate: float = 0.01  # AdamW step size
    decay: float = 0.0  # AdamW decoupled weight decay
    epochs: int = 200

    def __post_init__(self) -> None:
        check_latent(self)

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Train once."""
        own = nn.Linear(model.head.in_features, self.latent, bias=False)

        def loss(batch: Batch) -> Tensor:
            return edge_loss(own(model.embed(batch.features, batch.graph)), batch)

        yield from pretext(self, model, task, own, loss, further=1)


class Latent(Objective, Protocol):
    """What `GAE` and `VGAE` have in common."""

    @property
    def latent(self) -> int:
        """Width of z."""
        ...


def check_latent(objective: Latent) -> None:
    """See that an objective's rows are wide enough to tell nodes apart.

    Raises:
        PlanError: they are not.
    """
    if objective.latent < 1:
        raise PlanError(
            f"{type(objective).__name__}.latent = {objective.latent} holds nothing.",
            fix="use 1 or more; 16 is usual.",
        )


def edge_loss(z: Float[Tensor, "N G"], batch: Batch) -> Float[Tensor, ""]:
    """Return the mean binary cross-entropy over edges into the batch's rows, plus that over non-edges.

    Of many edges some are drawn. Without an edge it is 0; without a non-edge it is the edges' part.
    """
    edges = _edges(batch)
    if not edges.shape[1]:
        return z.new_zeros(())
    loss = softplus(-_products(z, edges)).mean()
    apart = non_edges(batch.graph, batch.rows, edges.shape[1])
    return loss + softplus(_products(z, apart)).mean() if apart.shape[1] else loss


def non_edges(graph: TextGraph, rows: Int64[Tensor, " B"], count: int) -> Int64[Tensor, "2 P"]:
    """Return about ``count`` random pairs, one of ``rows`` above any node, with no edge in either direction.

    Of pairs without an edge every one is as likely. In a dense graph they may be fewer than ``count``.
    """
    pool = torch.arange(graph.nodes, device=graph.col.device)
    if graph.whole_degree is not None and len(near := into(graph, rows)):
        # The furthest nodes of a sample have no neighbours in it: its non-edges end where its edges do.
        pool = graph.source[near]
    # Edges are sorted by target, then by source: so are these numbers.
    keys = graph.target * graph.nodes + graph.source
    found = []
    for _ in range(_DRAWS):
        one = rows[torch.randint(len(rows), (count,)).to(rows.device)]
        other = pool[torch.randint(len(pool), (count,)).to(pool.device)].to(rows.device)
        joined = _holds(keys, one * graph.nodes + other) | _holds(keys, other * graph.nodes + one)
        free = ~joined & (one != other)
        found.append(torch.stack([one[free], other[free]]))
        count -= found[-1].shape[1]
        if not count:
            break
    return torch.cat(found, dim=1)


def _edges(batch: Batch) -> Int64[Tensor, "2 E"]:
    graph = batch.graph
    at = into(graph, batch.rows)
    if len(at) > _EDGES:
        at = at[torch.randint(len(at), (_EDGES,)).to(at.device)]
    return torch.stack([graph.target[at], graph.source[at]])


def _products(z: Float[Tensor, "N G"], pairs: Int64[Tensor, "2 P"]) -> Float[Tensor, " P"]:
    return (z.index_select(0, pairs[0]) * z.index_select(0, pairs[1])).sum(1)


def _holds(keys: Int64[Tensor, " E"], wanted: Int64[Tensor, " P"]) -> Tensor:
    if not len(keys):
        return torch.zeros_like(wanted, dtype=torch.bool)
    return keys[torch.searchsorted(keys, wanted).clamp_max(len(keys) - 1)] == wanted
