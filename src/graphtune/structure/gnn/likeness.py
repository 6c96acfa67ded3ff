"""How alike modules are expected to err: by what a network sees in them, by kind, and by depth.

Source: sums and products of kernels, Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006,
section 4.2.4; that they are learned with the network, over many tasks, Patacchiola et al., NeurIPS 2020,
arXiv:1910.05199.
Differs from both: what is learned from is how well the order comes out, not a likelihood.
"""

from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphtune.structure.model_graph import ModelGraph

# From where each number is learned: nothing is known. All are above 0, and their logarithms are learned.
START: Final = {
    "seen": 1.0,  # what the embedding counts
    "sharp": 1.0,  # how fast that falls with the distance of two embeddings
    "kind": 1.0,  # what it counts that two are of one kind
    "near": 1.0,  # what depth counts
    "both": 1.0,  # and kind and depth at once
    "far": 0.5,  # of the depth, at which two modules are alike by 1 / e
    "noise": 1.0,  # variance of what a probe measures, as a share of what is left unexplained
    "belief": 1.0,  # probes that predictions count as, where their slope against what is measured is told
}
_LEAST = 1e-3  # of a spread or a distance that is divided by


@dataclass(frozen=True, eq=False)
class Places:
    """What stands fast of the modules of a model: kind and depth."""

    same: Float[Tensor, "N N"]  # 1 where two are of one kind
    depth: Float[Tensor, " N"]  # from 0 to 1

    @classmethod
    def of(cls, graph: ModelGraph) -> "Places":
        """Return those of a graph's nodes."""
        kinds = sorted({node.kind for node in graph.nodes})
        numbers = torch.tensor([kinds.index(node.kind) for node in graph.nodes])
        same = (numbers[:, None] == numbers[None]).float()
        return cls(same, torch.tensor([node.block / (graph.depth + 1) for node in graph.nodes]))


class Likeness(nn.Module):
    """Four kernels, with learned weights: embedding, kind, depth, and the latter two at once."""

    def __init__(self) -> None:
        super().__init__()
        self.logarithms = nn.Parameter(torch.tensor(list(START.values())).log())

    def __getitem__(self, name: str) -> Float[Tensor, ""]:
        return self.logarithms[list(START).index(name)].exp()

    def forward(self, embedded: Float[Tensor, "N G"], places: Places) -> Float[Tensor, "N N"]:
        """Return 1 for a module and itself, and towards 0 for modules that have nothing in common."""
        squares = _squares((embedded - embedded.mean(0)) / (embedded.std(0, correction=0) + _LEAST))
        scale = squares.detach().median().clamp(min=_LEAST)
        seen = torch.exp(-squares * self["sharp"] / scale)
        near = torch.exp(-_squares(places.depth[:, None]) / self["far"] ** 2)
        weights = torch.stack([self[name] for name in ("seen", "kind", "near", "both")])
        kernels = torch.stack([seen, places.same, near, places.same * near])
        return (weights[:, None, None] * kernels).sum(dim=0) / weights.sum()


def _squares(points: Float[Tensor, "N G"]) -> Float[Tensor, "N N"]:
    return (points[:, None] - points[None]).square().sum(dim=2)
