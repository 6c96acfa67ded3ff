import builtins

import pytest
import torch

from graphtune.errors import GraphError, MissingExtraError
from graphtune.graph import TextGraph, propagate
from graphtune.graph.pyg import from_pyg, to_pyg
from laws import features, random_graph

pytest.importorskip("torch_geometric")
from torch_geometric.data import Data
from torch_geometric.nn import SimpleConv


def test_there_and_back():
    graph = random_graph(9, 30, loops=True)
    x, labels = features(9), torch.arange(9) % 3 - 1
    back, x_back, labels_back = from_pyg(to_pyg(graph, x, labels))
    for name in ("crow", "col", "weight"):
        assert torch.equal(getattr(back, name), getattr(graph, name))
    assert x_back is x
    assert labels_back is labels


def test_word_nodes_and_isolated_nodes_are_kept():
    graph = TextGraph.from_edges(torch.tensor([0]), torch.tensor([1]), nodes=5, texts=3)
    back, x, labels = from_pyg(to_pyg(graph))
    assert (back.nodes, back.texts, x, labels) == (5, 3, None, None)


def test_messages_flow_the_same_way():
    graph, x = random_graph(9, 30), features(9)
    data = to_pyg(graph, x)
    expected = SimpleConv(aggr="sum")(data.x, data.edge_index, data.edge_weight)
    torch.testing.assert_close(propagate(graph, x), expected)


def test_edge_attr_serves_as_weight():
    ends = torch.tensor([[0, 1], [1, 2]])
    graph, _, _ = from_pyg(Data(edge_index=ends, edge_attr=torch.tensor([[2], [3]]), num_nodes=3))
    assert graph.weight.tolist() == [2.0, 3.0]
    graph, _, _ = from_pyg(Data(edge_index=ends, num_nodes=3))
    assert graph.weight.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (Data(num_nodes=3), "no edge_index"),
        (Data(edge_index=torch.tensor([[0], [1]]), edge_attr=torch.ones(1, 4), num_nodes=2), r"\[1, 4\]"),
        (Data(edge_index=torch.tensor([[0], [1]]), y=torch.rand(2, 3), num_nodes=2), r"y \(\[2, 3\]\)"),
        (Data(edge_index=torch.tensor([[0], [7]]), num_nodes=2), "outside 0 … 1"),
    ],
)
def test_data_that_make_no_graph(data: Data, message: str):
    with pytest.raises(GraphError, match=message):
        from_pyg(data)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without(name: str, *rest):
        if name.startswith("torch_geometric"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'graphtune\[pyg\]'"):
        to_pyg(random_graph(3, 2))
