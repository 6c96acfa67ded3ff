"""Networks of PyTorch Geometric as in their papers, and the graph in the form in which each is fastest."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import dropout, elu
from torch_geometric.nn import APPNP, GATConv, GCNConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm

HIDDEN, HEADS = 64, 8  # GAT: eight heads of eight


@dataclass(frozen=True)
class Published:
    """Settings of one network."""

    rate: float  # step size of Adam
    dropout: float
    decay_all: bool  # weight decay of every parameter; else of those of the first layer alone


PUBLISHED = {
    "GCN": Published(0.01, 0.5, False),  # Kipf & Welling, ICLR 2017
    "GAT": Published(0.005, 0.6, True),  # Velickovic et al., ICLR 2018
    "APPNP": Published(0.01, 0.5, False),  # Gasteiger et al., ICLR 2019
}


def adjacency(name: str, crow: np.ndarray, col: np.ndarray, weight: np.ndarray) -> torch.Tensor:
    """Return what the network reads: edges for GAT, else a sparse matrix, normalised once as PyG does it."""
    count = len(crow) - 1
    if name == "GAT":  # which learns its own weights
        return torch.from_numpy(np.stack([col, np.repeat(np.arange(count), np.diff(crow))]).astype(np.int64))
    numbers = (torch.from_numpy(part.astype(np.int64)) for part in (crow, col))
    matrix = torch.sparse_csr_tensor(*numbers, torch.from_numpy(weight), (count, count))
    return gcn_norm(matrix, None, count)[0]


class Network(torch.nn.Module):
    """Two layers; ``adjacency`` comes from the function of that name."""

    def __init__(self, name: str, inputs: int, classes: int) -> None:
        super().__init__()
        self.name, self.rate = name, PUBLISHED[name].dropout
        if name == "GCN":
            self.first = GCNConv(inputs, HIDDEN, normalize=False)
            self.second = GCNConv(HIDDEN, classes, normalize=False)
        elif name == "GAT":
            self.first = GATConv(inputs, HIDDEN // HEADS, heads=HEADS, dropout=self.rate)
            self.second = GATConv(HIDDEN, classes, heads=1, concat=False, dropout=self.rate)
        else:
            self.first, self.second = torch.nn.Linear(inputs, HIDDEN), torch.nn.Linear(HIDDEN, classes)
            self.spread = APPNP(K=10, alpha=0.1, normalize=False)

    def forward(self, x: torch.Tensor, adjacency: torch.Tensor) -> torch.Tensor:
        x = dropout(x, self.rate, self.training)
        if self.name == "APPNP":
            x = dropout(self.first(x).relu(), self.rate, self.training)
            return self.spread(self.second(x), adjacency)
        x = self.first(x, adjacency)
        x = elu(x) if self.name == "GAT" else x.relu()
        return self.second(dropout(x, self.rate, self.training), adjacency)

    def adam(self) -> torch.optim.Adam:
        """Return the optimiser with the published rate and weight decay."""
        told = PUBLISHED[self.name]
        later = 5e-4 if told.decay_all else 0.0
        groups = [
            {"params": self.first.parameters(), "weight_decay": 5e-4},
            {"params": self.second.parameters(), "weight_decay": later},
        ]
        return torch.optim.Adam(groups, lr=told.rate)
