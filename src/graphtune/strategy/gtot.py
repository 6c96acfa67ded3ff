"""Keep nodes' features near those that they and their neighbours had at the start, by optimal transport.

Source: GTOT-Tuning, Zhang et al., IJCAI 2022, arXiv:2203.10453 (masked Sinkhorn with
epsilon 0.1 and up to 100 iterations, masks of one hop; the 1/2 is that of the authors' program).
Differs from the paper: one graph of all nodes rather than one for each molecule; only edges are held; the
plan is a constant in the gradient, which makes it that of the transport with its entropy (Danskin's theorem);
features are compared without dropout; lambda, which the paper chooses on validation, has a fixed default.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from graphtune.errors import PlanError
from graphtune.graph import TextGraph
from graphtune.layer.attention import edge_blocks, row_softmax
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Batch, Learner, Problem
from graphtune.phase import Group, Phase
from graphtune.strategy.last_layers import with_layers
from graphtune.strategy.start import Start

_CLOSE = 1e-3  # share of a node's mass by which the plan may miss it


@dataclass(frozen=True)
class GTOT:
    """``loss + weight / 2 Σ over layers of Σ P_ij (1 - cos(h_i, start's h_j))`` over edges and loops.

    Cost: a second pass in each step, and for each layer O(E (G + iterations)) time, O(E + N G) memory.

    Raises:
        PlanError: a value is out of its range; the model has no graph layers (on the first phase).
    """

    weight: float = 1.0  # lambda
    epsilon: float = 0.1  # of the entropy
    iterations: int = 100  # at most
    hops: int = 1  # between nodes that mass may be moved between
    rate: float = 0.01  # AdamW step size
    decay: float = 5e-4  # AdamW decoupled weight decay
    epochs: int = 300  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        if not self.weight >= 0.0 or not self.epsilon > 0.0:
            raise PlanError(
                f"weight = {self.weight} and epsilon = {self.epsilon} do not fit.",
                fix="use a weight from 0 on, such as 1, and an epsilon above 0, such as 0.1.",
            )
        for name in ("iterations", "hops"):
            if getattr(self, name) < 1:
                raise PlanError(f"{name} = {getattr(self, name)} is too few.", fix="use 1 or more.")

    def phases(self, model: Learner, task: Problem) -> Iterator[Phase]:
        """Train once."""
        network = with_layers(model, self)
        start, masked = Start(network), lru_cache(maxsize=1)(mask)

        def loss(batch: Batch) -> Tensor:
            total = self.loss(network(batch), batch.labels, batch.weights)
            if self.weight:
                edges = masked(batch.graph, self.hops)
                climb = network.climb(batch.features, batch.graph)
                for now, then in zip(climb, start.features(batch), strict=True):
                    apart = transported(edges, now, then, self.epsilon, self.iterations)
                    total = total + 0.5 * self.weight * apart
            return total

        group = Group((*network.body, *network.head.parameters()), self.rate, self.decay)
        yield Phase("gtot", (group,), loss, self.epochs)


def mask(graph: TextGraph, hops: int) -> TextGraph:
    """Return which nodes are within ``hops`` of one another, themselves included; weights mean nothing."""
    near = graph.with_loops()
    if hops == 1:
        return near
    one = near.scipy().copy()
    one.data[:] = 1.0
    reached = one
    for _ in range(hops - 1):
        reached = reached @ one
        reached.data[:] = 1.0
    return TextGraph.from_scipy(reached, texts=graph.texts).to(graph.weight.device, graph.weight.dtype)


def transported(
    edges: TextGraph,
    now: Float[Tensor, "N G"],
    then: Float[Tensor, "N G"],
    epsilon: float,
    iterations: int,
) -> Float[Tensor, ""]:
    """Return ``Σ P_ij (1 - cos(now_i, then_j))`` over edges; zeros have cosine 0 with everything."""
    now, then = (torch.nn.functional.normalize(x, dim=1, eps=1e-8) for x in (now, then))
    with torch.no_grad():
        alike = now.new_empty(edges.edges)
        for block in edge_blocks(edges, now[0]):
            alike[block] = (now[edges.target[block]] * then[edges.source[block]]).sum(1)
        flow = plan(edges, 1.0 - alike, epsilon, iterations)
        # What comes together at each node, before it is compared: no gradient runs along edges.
        come = replace(edges.matrix, values=flow) @ then
    return flow.sum() - (come * now).sum()


@torch.no_grad()
def plan(edges: TextGraph, cost: Float[Tensor, " E"], epsilon: float, iterations: int) -> Float[Tensor, " E"]:
    """Return what moves along each edge, of 1 / N from and to every node, at the least cost less entropy.

    Sinkhorn's algorithm on the plan itself: its rows and columns are scaled in turns, until it misses no node
    by more than a thousandth or the iterations are over. With a loop at every node there is always a plan;
    an edge on no cycle carries nothing in the exact one, towards which it then falls slowly. Without loops
    there may be none: the numbers stay finite, and the marginals are missed.
    """
    even, least = 1.0 / edges.nodes, torch.finfo(cost.dtype).tiny
    flow = even * row_softmax(edges, -cost[None] / epsilon)[0]
    for _ in range(iterations):
        flow = flow * (even / _sums(flow, edges.source, edges.nodes).clamp_min(least))[edges.source]
        found = _sums(flow, edges.target, edges.nodes)
        if bool(((found - even).abs() <= _CLOSE * even).all()):
            break
        flow = flow * (even / found.clamp_min(least))[edges.target]
    return flow


def _sums(flow: Tensor, ends: Tensor, nodes: int) -> Tensor:
    return flow.new_zeros(nodes).index_add_(0, ends, flow)
