"""Messages between the modules of a model, along and against its data flow and past it by residuals.

Source: relations with weights of their own, Schlichtkrull et al., ESWC 2018, arXiv:1703.06103, eq. 2.
Differs from the paper: few relations, so no basis; means over neighbours; the mean of all nodes as one more.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from graphtune.graph import TextGraph, propagate
from graphtune.structure.gnn.likeness import Likeness
from graphtune.structure.model_graph import ModelGraph
from graphtune.structure.purpose import PURPOSES

RELATIONS: Final = 4  # along the flow, against it, and the same by residuals


class StructureGNN(nn.Module):
    """Three numbers a module: what tuning it is worth, and what pruning and quantising it cost.

    Only their order counts; they are normal scores among the modules of one model. With them it learns which
    modules err alike, so that a few that are measured tell of the others. Without ``edges`` it is a
    perceptron on the same inputs, to tell what the edges are worth.

    Cost: O(N F G + E G) for each layer.
    """

    def __init__(self, inputs: int, width: int = 32, depth: int = 2, *, edges: bool = True) -> None:
        super().__init__()
        self.inputs, self.width, self.edges = inputs, width, edges
        self.enter = nn.Linear(inputs, width)
        self.own = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(depth))
        relations = RELATIONS if edges else 0
        self.relations = nn.ModuleList(
            nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(relations)) for _ in range(depth)
        )
        self.leave = nn.Linear(width, len(PURPOSES))
        self.likeness = Likeness()

    def embedded(
        self,
        x: Float[Tensor, "N F"],
        relations: Sequence[TextGraph],
        drop: float = 0.0,
        models: Int64[Tensor, " N"] | None = None,
    ) -> Float[Tensor, "N G"]:
        """Return what the last layer makes of each module; ``relations`` are those of `relations_of`.

        Args:
            x: as `inputs` makes them.
            relations: one graph for each relation.
            drop: share of the hidden numbers that is left out while it learns.
            models: number of the model that a node is of, from 0; None = there is one.
        """
        states = torch.relu(self.enter(x))
        for own, others in zip(self.own, self.relations, strict=True):
            assert isinstance(others, nn.ModuleList)
            given = nn.functional.dropout(states, drop, self.training)
            new = own(torch.cat([given, _whole(given, models)], dim=1))
            for weight, graph in zip(others, relations[: len(others)], strict=True):
                new = new + propagate(graph, weight(given))
            states = states + torch.relu(new)
        return states

    def forward(
        self,
        x: Float[Tensor, "N F"],
        relations: Sequence[TextGraph],
        drop: float = 0.0,
        models: Int64[Tensor, " N"] | None = None,
    ) -> Float[Tensor, "N 3"]:
        """Return a number for each of `PURPOSES`."""
        return self.leave(self.embedded(x, relations, drop, models))


def relations_of(*graphs: ModelGraph) -> tuple[TextGraph, ...]:
    """Return a graph for each of `RELATIONS`, in which a node receives the mean of its neighbours.

    Of several models, the nodes of each come behind those of the one before.
    """
    starts = [0, *accumulate(len(one.nodes) for one in graphs)]
    nodes, found = starts.pop(), []
    for residual in (False, True):
        ends = [
            (start + edge.source, start + edge.target)
            for start, graph in zip(starts, graphs, strict=True)
            for edge in graph.edges
            if edge.residual is residual
        ]
        source, target = (torch.tensor([pair[at] for pair in ends], dtype=torch.int64) for at in (0, 1))
        for sends, receives in ((source, target), (target, source)):
            count = torch.bincount(receives, minlength=nodes).clamp(min=1)
            weight = 1.0 / count[receives].float()
            found.append(TextGraph.from_edges(sends, receives, weight, nodes=nodes))
    return tuple(found)


def _whole(given: Float[Tensor, "N G"], models: Int64[Tensor, " N"] | None) -> Float[Tensor, "N G"]:
    """Return for each node the mean of its model's."""
    if models is None:
        return given.mean(dim=0, keepdim=True).expand_as(given)
    count = torch.bincount(models)[:, None]
    sums = given.new_zeros(len(count), given.shape[1]).index_add(0, models, given)
    return (sums / count)[models]
