"""What pre-training is for: a linear map reads more from pre-trained layers than from random ones."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from graphtune.graph import TextGraph
from graphtune.initial import DGI, GAE, VGAE, GraphCL, GraphMAE, Masking
from graphtune.layer import GCN
from graphtune.model import Model, Task
from graphtune.train import Training, train


def blocks_task(*, nodes: int = 300, classes: int = 3, features: int = 40) -> Task:
    """Three classes, mostly linked among themselves, of which single features say little."""
    rng = np.random.default_rng(5)
    labels = np.arange(nodes) % classes
    same = labels[:, None] == labels
    near = np.triu(rng.random((nodes, nodes)) < np.where(same, 0.04, 0.008), 1)
    source, target = map(torch.from_numpy, np.nonzero(near | near.T))
    centres = rng.normal(size=(classes, features))
    x = torch.from_numpy(centres[labels] + 4.0 * rng.normal(size=(nodes, features))).float()
    graph = TextGraph.from_edges(source, target, nodes=nodes)
    return task_of(x, graph, torch.from_numpy(labels), torch.arange(60))


def task_of(x, graph, labels, rows) -> Task:
    return Task(x, graph, labels, int(labels.max()) + 1, rows, rows[:0])


def probed(model: Model, task: Task, judged: torch.Tensor) -> float:
    """Return the accuracy of logistic regression on the outputs of the layers."""
    with torch.no_grad():
        rows = model.eval().embed(task.features, task.graph)
    rows = ((rows - rows.mean(0)) / rows.std(0).clamp_min(1e-6)).numpy()
    labels = task.labels.numpy()
    probe = LogisticRegression(C=0.1, max_iter=500).fit(rows[task.train], labels[task.train])
    return float((probe.predict(rows[judged]) == labels[judged]).mean())


def gain(objective, task: Task, judged: torch.Tensor, width: int, seed: int) -> float:
    """Return by how much pre-training raises that accuracy."""
    torch.manual_seed(seed)
    layers = [GCN(task.features.shape[1], width), GCN(width, width)]
    model = Model(layers, nn.Linear(width, task.classes))
    before = probed(model, task, judged)
    history = train(objective, model, task, Training(), seed=seed)
    losses = [epoch.loss for epoch in history.epochs]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    return probed(model, task, judged) - before


@pytest.mark.parametrize(
    "objective",
    [
        DGI(rate=0.02, epochs=30),
        GAE(rate=0.02, epochs=30),
        VGAE(rate=0.02, epochs=30),
        GraphCL(epochs=20),
        GraphMAE(rate=0.02, epochs=30),
        Masking(rate=0.02, epochs=30),
    ],
    ids=lambda one: type(one).__name__,
)
def test_probe_of_a_small_graph(objective):
    task = blocks_task()
    gains = [gain(objective, task, torch.arange(60, 300), 8, seed) for seed in range(2)]
    assert np.mean(gains) > 0.05


def test_probe_of_cora():
    pq = pytest.importorskip("pyarrow.parquet")
    place = Path(os.environ.get("GRAPHTUNE_DATA", "")) / "cora"
    if not (place / "nodes.parquet").is_file():
        pytest.skip("the environment variable GRAPHTUNE_DATA names no folder that holds cora/nodes.parquet")
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    rows = pq.read_table(place / "nodes.parquet").to_pylist()
    edges = pq.read_table(place / "edges.parquet").to_pydict()
    terms = TfidfVectorizer(max_features=2000).fit_transform([row["text"] for row in rows])
    x = TruncatedSVD(32, random_state=0).fit_transform(terms)
    x *= np.sqrt(32) / np.linalg.norm(x, axis=1, keepdims=True).clip(1e-9)
    at = {row["id"]: number for number, row in enumerate(rows)}
    ends = [torch.tensor([at[node] for node in edges[end]]) for end in ("source", "target")]
    graph = TextGraph.from_edges(torch.cat(ends), torch.cat(ends[::-1]), nodes=len(rows))
    names = sorted({row["label"] for row in rows})
    labels = torch.tensor([names.index(row["label"]) for row in rows])
    teach = torch.tensor([n for n, row in enumerate(rows) if row["split_planetoid"] == "train"])
    judged = torch.tensor([n for n, row in enumerate(rows) if row["split_planetoid"] == "test"])
    task = task_of(torch.from_numpy(x).float(), graph, labels, teach)
    for objective in (DGI(rate=0.02, epochs=40), GraphMAE(rate=0.02, epochs=40)):
        found = gain(objective, task, judged, 16, 0)
        assert found > 0.02
