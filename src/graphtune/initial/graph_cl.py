"""Pre-train by finding each node again in another view of the graph.

Source: You et al., NeurIPS 2020, arXiv:2010.13902, section 3 and equation 3 (GraphCL: views by edge dropping
and by masking features, a projection that is dropped afterwards, NT-Xent).
Differs from the paper: nodes rather than whole graphs are told apart, as in GRACE (Zhu et al., 2020,
arXiv:2006.04131); a masked feature is masked in all nodes; the pair itself is in the denominator, so that
one node alone has a loss of 0; both views look for one another.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize, pad

from graphtune.errors import PlanError
from graphtune.graph import TextGraph
from graphtune.initial.pretext import check_share, drawn, pretext
from graphtune.model import Batch, Model, Task
from graphtune.phase import Phase


@dataclass(frozen=True)
class GraphCL:
    """Minimise the cross-entropy of finding a node's row in one view among all rows of the other.

    Raises:
        PlanError: a value is out of its range; the network has no layer (on the first phase).
    """

    edges: float = 0.2  # share of the edges that a view lacks
    features: float = 0.2  # share of the features that are 0 in a view
    temperature: float = 0.5
    rows: int = 1024  # of a step that are told apart, drawn anew each time: a step holds rows² similarities
    rate: float = 0.01  # AdamW step size
    decay: float = 0.0  # AdamW decoupled weight decay
    epochs: int = 200

    def __post_init__(self) -> None:
        check_share(self, "edges", usual="0.2")
        check_share(self, "features", usual="0.2")
        if not self.temperature > 0.0:
            raise PlanError(
                f"GraphCL.temperature = {self.temperature} is not above 0.", fix="use 0.1 to 1; 0.5 is usual."
            )
        if self.rows < 2:
            raise PlanError(
                f"GraphCL.rows = {self.rows} leaves nothing to tell a row from.", fix="use 2 or more."
            )

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Train once."""
        width = model.head.in_features
        own = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

        def loss(batch: Batch) -> Tensor:
            rows = drawn(batch.rows, self.rows)
            first, second = (own(self._view(model, batch)[rows]) for _ in range(2))
            return nt_xent(first, second, self.temperature)

        yield from pretext(self, model, task, own, loss)

    def _view(self, model: Model, batch: Batch) -> Float[Tensor, "N G"]:
        x = batch.features
        kept = (torch.rand(x.shape[1]) >= self.features).to(x)
        return model.embed(x * kept, without_edges(batch.graph, self.edges))


def without_edges(graph: TextGraph, share: float) -> TextGraph:
    """Return a graph that lacks each edge with a chance of ``share``, and no loop.

    The nodes of a part of a larger graph have the degrees then that they would have in the larger one: those
    that receive nothing in it are taken to lose ``share`` of what they do not get from themselves.
    """
    kept = (torch.rand(graph.edges) >= share).to(graph.col.device) | (graph.source == graph.target)
    before = pad(kept.cumsum(0), (1, 0))  # edges kept before each
    view = replace(graph, crow=before[graph.crow], col=graph.col[kept], weight=graph.weight[kept])
    if graph.whole_degree is None:
        return view
    loops = graph.source == graph.target
    lost, own, here = (_received(graph, of) for of in (~kept, loops, ~loops))
    left = torch.maximum(graph.degree - lost, _received(graph, kept))
    degree = torch.where(here > 0, left, own + (1 - share) * (graph.degree - own))
    return replace(view, whole_degree=degree)


def _received(graph: TextGraph, of: Bool[Tensor, " E"]) -> Float[Tensor, " N"]:
    """Return the sum of the weights of some edges at each node."""
    return torch.zeros_like(graph.degree).index_add_(0, graph.target[of], graph.weight[of])


def nt_xent(
    first: Float[Tensor, "B G"], second: Float[Tensor, "B G"], temperature: float
) -> Float[Tensor, ""]:
    """Return the mean cross-entropy of row i of either finding row i of the other by its cosine."""
    similar = normalize(first, dim=1) @ normalize(second, dim=1).t() / temperature
    same = torch.arange(len(similar), device=similar.device)
    return (cross_entropy(similar, same) + cross_entropy(similar.t(), same)) / 2
