"""Small networks of PyG layers, the data they are tuned on, and the ways to tune them."""

import math

import pytest
import torch
from torch import nn

from graphtune.graph.pyg import to_pyg
from graphtune.strategy import GPF, AdapterGNN, BitFit, Full, GPFPlus, LinearProbe
from graphtune.train import Training
from tasks import small_task

pyg = pytest.importorskip("torch_geometric.nn")
from torch_geometric.data import Data  # noqa: E402

METHODS = (
    Full(epochs=3),
    LinearProbe(epochs=3),
    BitFit(epochs=3),
    GPF(epochs=3),
    GPFPlus(k=2, epochs=3),
    AdapterGNN(bottleneck=3, epochs=3),
)
SETTINGS = Training(batch_rows=10, patience=None, checkpoint_seconds=0.0)


class GCN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        # Registered in another order than they are called in.
        self.second = pyg.GCNConv(6, 5)
        self.first = pyg.GCNConv(8, 6)
        self.scores = nn.Linear(5, 3)

    def forward(self, x, edge_index, edge_weight=None):
        x = torch.relu(self.first(x, edge_index, edge_weight))
        x = nn.functional.dropout(x, 0.3, self.training)
        return self.scores(torch.relu(self.second(x, edge_index, edge_weight=edge_weight)))


class GIN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(pyg.GINConv(self.perceptron(a)) for a in (8, 5))
        self.scores = nn.Linear(5, 3)

    @staticmethod
    def perceptron(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(width, 5), nn.ReLU(), nn.Linear(5, 5))

    def forward(self, x, edge_index):
        for conv in self.convs:
            x = torch.relu(conv(x, edge_index))
        return torch.log_softmax(self.scores(x), 1)


class Plain(nn.Module):
    """No linear map outside its layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = pyg.GCNConv(8, 5), pyg.GCNConv(5, 3)

    def forward(self, data):
        return self.conv2(torch.relu(self.conv1(data.x, data.edge_index)), data.edge_index)


class Encoded(Plain):
    """Its one linear map does not make the scores."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(8, 8)

    def forward(self, data):
        x = self.conv1(torch.relu(self.encoder(data.x)), data.edge_index)
        return self.conv2(torch.relu(x), data.edge_index)


class GraphGIN(nn.Module):
    """Scores a whole graph of kinds of atoms."""

    def __init__(self, outputs: int = 2) -> None:
        super().__init__()
        self.atoms = nn.Embedding(4, 6)
        self.convs = nn.ModuleList(
            pyg.GINConv(nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6))) for _ in range(2)
        )
        self.scores = nn.Linear(6, outputs)

    def forward(self, x, edge_index, batch):
        x = self.atoms(x[:, 0])
        for conv in self.convs:
            x = torch.relu(conv(x, edge_index))
        return self.scores(pyg.global_add_pool(x, batch))


def made(kind=GCN, *sizes: int, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return kind(*sizes)


def small_data(**more):
    task = small_task()
    data = to_pyg(task.graph, task.features, torch.arange(60) % 3)
    for name, rows in (("train_mask", task.train), ("val_mask", task.val)):
        data[name] = torch.zeros(60, dtype=torch.bool)
        data[name][rows] = True
    for name, value in more.items():
        data[name] = value
    return data


def rings(questions: bool = False) -> list[Data]:
    """Rings of 3 to 6 atoms; the class is whether one is of kind 3; of three answers some are missing."""
    generator, found = torch.Generator().manual_seed(0), []
    for number in range(40):
        size = 3 + number % 4
        x = torch.randint(3, (size, 1), generator=generator)
        odd = number % 2
        x[0] = 3 if odd else x[0]
        at = torch.arange(size)
        edges = torch.stack([torch.cat([at, (at + 1) % size]), torch.cat([(at + 1) % size, at])])
        y = torch.tensor([odd])
        if questions:
            y = torch.tensor([[odd, math.nan if number % 3 else 1 - odd, float(size > 4)]])
        found.append(Data(x=x, edge_index=edges, y=y))
    return found
