"""Messages between the modules of a model, along and against its data flow and past it by residuals.

Source: relations with weights of their own, Schlichtkrull et al., ESWC 2018, arXiv:1703.06103, eq. 2.
Differs from the paper: few relations, so no basis; means over neighbours; the mean of all nodes as one more.
"""

from collections.abc import Sequence
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphtune.graph import TextGraph, propagate
from graphtune.structure.model_graph import ModelGraph
from graphtune.structure.purpose import PURPOSES

RELATIONS: Final = 4  # along the flow, against it, and the same by residuals


class StructureGNN(nn.Module):
    """Three numbers a module: what tuning it is worth, and what pruning and quantising it cost.

    Only their order counts; they are normal scores among the modules of one model. Without ``edges`` it is a
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

    def embedded(
        self, x: Float[Tensor, "N F"], relations: Sequence[TextGraph], drop: float = 0.0
    ) -> Float[Tensor, "N G"]:
        """Return what the last layer makes of each module; ``relations`` are those of `relations_of`.

        Args:
            x: as `inputs` makes them.
            relations: one graph for each relation.
            drop: share of the hidden numbers that is left out while it learns.
        """
        states = torch.relu(self.enter(x))
        for own, others in zip(self.own, self.relations, strict=True):
            assert isinstance(others, nn.ModuleList)
            given = nn.functional.dropout(states, drop, self.training)
            whole = given.mean(dim=0, keepdim=True).expand_as(given)
            new = own(torch.cat([given, whole], dim=1))
            for weight, graph in zip(others, relations[: len(others)], strict=True):
                new = new + propagate(graph, weight(given))
            states = states + torch.relu(new)
        return states

    def forward(
        self, x: Float[Tensor, "N F"], relations: Sequence[TextGraph], drop: float = 0.0
    ) -> Float[Tensor, "N 3"]:
        """Return a number for each of `PURPOSES`."""
        return self.leave(self.embedded(x, relations, drop))


def relations_of(graph: ModelGraph) -> tuple[TextGraph, ...]:
    """Return a graph for each of `RELATIONS`, in which a node receives the mean of its neighbours."""
    found = []
    for residual in (False, True):
        ends = [(edge.source, edge.target) for edge in graph.edges if edge.residual is residual]
        source, target = (torch.tensor([pair[at] for pair in ends], dtype=torch.int64) for at in (0, 1))
        for sends, receives in ((source, target), (target, source)):
            count = torch.bincount(receives, minlength=len(graph.nodes)).clamp(min=1)
            weight = 1.0 / count[receives].float()
            found.append(TextGraph.from_edges(sends, receives, weight, nodes=len(graph.nodes)))
    return tuple(found)
