"""Pre-train by predicting the weights of masked edges from what the layers say of their ends.

Source: Hu et al., ICLR 2020, arXiv:1905.12265, section 3.1.2 (attribute masking of edges: an edge is the sum
of its ends' outputs, and a linear map predicts its attribute).
Differs from the paper: an edge of a text graph has one attribute, its weight, of which the share in the mean
weight that its receiver gets is predicted, by the squared error; both directions are masked together.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from graphtune.graph import TextGraph
from graphtune.initial.pretext import check_share, drawn, into, pretext
from graphtune.model import Batch, Model, Task
from graphtune.phase import Phase

_EDGES = 1 << 18  # of a step at most that are predicted; their rows are what a step holds


@dataclass(frozen=True)
class MaskedEdges:
    """Minimise ``(w (h_i + h_j) + b - (share_ij - 1))²`` over masked edges.

    ``share_ij`` is the edge's weight by the mean of those that node i receives, loops aside; a masked edge
    carries a message still, but weighs as much as the others of its receiver do on average. Where all edges
    of every node weigh the same, or there are none, there is nothing to learn but that.

    Raises:
        PlanError: ``share`` is out of its range; the network has no layer (on the first phase).
    """

    share: float = 0.15  # of the edges into a step's rows that are masked; one at least
    rate: float = 1e-3  # AdamW step size
    decay: float = 0.0  # AdamW decoupled weight decay
    epochs: int = 100

    def __post_init__(self) -> None:
        check_share(self, "share", usual="0.15")

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Train once."""
        own = nn.Linear(model.head.in_features, 1)

        def loss(batch: Batch) -> Tensor:
            graph, every = batch.graph, into(batch.graph, batch.rows)
            if not len(every):
                return batch.features.new_zeros(())
            edges = drawn(every, min(_EDGES, max(1, round(self.share * len(every)))))
            states = model.embed(batch.features, without_weights(graph, edges))
            both = states[graph.source[edges]] + states[graph.target[edges]]
            return mse_loss(own(both)[:, 0], shares(graph)[edges] - 1)

        # The other end of an edge is a hop away.
        yield from pretext(self, model, task, own, loss, further=1)


def shares(graph: TextGraph) -> Float[Tensor, " E"]:
    """Return each edge's weight by the mean of those its receiver gets, loops aside; 1 where that is 0."""
    mean = _mean(graph, graph.source != graph.target)[graph.target]
    return torch.where(mean != 0, graph.weight / torch.where(mean != 0, mean, 1.0), 1.0)


def without_weights(graph: TextGraph, edges: Int64[Tensor, " M"]) -> TextGraph:
    """Return a graph in which some edges, in both directions, weigh what others of their receivers do.

    Where all that a node receives is masked, they weigh what edges of the graph do on average.
    """
    first, last = torch.minimum(graph.source, graph.target), torch.maximum(graph.source, graph.target)
    pairs = first * graph.nodes + last
    masked = torch.isin(pairs, pairs[edges])
    seen = ~masked & (graph.source != graph.target)
    usual = _mean(graph, seen, otherwise=float(graph.weight.mean()))
    weight = torch.where(masked, usual[graph.target], graph.weight)
    if graph.whole_degree is None:
        return replace(graph, weight=weight)
    # A part's nodes keep the degrees of the whole, which must not tell what is masked either.
    more = torch.zeros_like(graph.whole_degree).index_add_(0, graph.target, weight - graph.weight)
    return replace(graph, weight=weight, whole_degree=(graph.whole_degree + more).clamp_min(0.0))


def _mean(graph: TextGraph, of: Bool[Tensor, " E"], otherwise: float = 0.0) -> Float[Tensor, " N"]:
    """Return the mean weight of some edges at each node that receives along one of them."""
    total, count = (graph.weight.new_zeros(graph.nodes) for _ in range(2))
    total.index_add_(0, graph.target[of], graph.weight[of])
    count.index_add_(0, graph.target[of], torch.ones_like(graph.weight[of]))
    return torch.where(count > 0, total / count.clamp_min(1.0), otherwise)
