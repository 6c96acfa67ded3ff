"""The adjacency format, against PyG, dense matrices and cases done by hand."""

from dataclasses import replace

import pytest
import torch

from graphtune.errors import GraphError
from graphtune.graph import TextGraph, propagate
from laws import features, random_graph


def edges(*triples: tuple[int, int, float], nodes: int) -> TextGraph:
    source, target, weight = zip(*triples, strict=True)
    weights = torch.tensor(weight, dtype=torch.float64)
    return TextGraph.from_edges(torch.tensor(source), torch.tensor(target), weights, nodes=nodes)


def dense(graph: TextGraph) -> torch.Tensor:
    return torch.from_numpy(graph.scipy().toarray())


GRAPHS = {
    "weighted and directed": random_graph(12, 50),
    "with some loops": random_graph(12, 60, loops=True),
    "isolated nodes": TextGraph.from_edges(
        torch.tensor([0, 3]), torch.tensor([3, 4]), torch.tensor([2.0, 0.5], dtype=torch.float64), nodes=7
    ),
    "no edges": TextGraph.empty(4).to(dtype=torch.float64),
}


@pytest.fixture(params=GRAPHS.values(), ids=GRAPHS.keys())
def graph(request: pytest.FixtureRequest) -> TextGraph:
    return request.param


def test_rows_list_what_a_node_receives():
    graph = edges((0, 2, 1.0), (1, 2, 2.0), (2, 0, 3.0), nodes=3)
    assert graph.crow.tolist() == [0, 1, 1, 3]
    assert graph.col.tolist() == [2, 0, 1]
    assert graph.weight.tolist() == [3.0, 1.0, 2.0]
    assert graph.source.tolist() == [2, 0, 1]
    assert graph.target.tolist() == [0, 2, 2]
    assert graph.degree.tolist() == [3.0, 0.0, 3.0]
    assert (graph.nodes, graph.edges, graph.texts) == (3, 3, 3)


def test_duplicates_are_added_up():
    graph = edges((0, 1, 1.0), (1, 0, 5.0), (0, 1, 2.5), nodes=2)
    assert graph.edges == 2
    assert dense(graph).tolist() == [[0.0, 5.0], [3.5, 0.0]]


def test_weights_are_one_if_not_given():
    graph = TextGraph.from_edges(torch.tensor([0, 1]), torch.tensor([1, 0]), nodes=2)
    assert graph.weight.tolist() == [1.0, 1.0]
    assert graph.weight.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_type_of_weights_is_kept(dtype):
    graph = random_graph(5, 9).to(dtype=dtype)
    derived = (graph.with_loops(), graph.transpose, graph.normalised(), graph.part(torch.tensor([0, 2])))
    assert [d.weight.dtype for d in derived] == [dtype] * 4
    assert graph.degree.dtype == graph.with_loops().normalised("row").weight.dtype == dtype


@pytest.mark.parametrize(
    ("source", "target", "weight", "message"),
    [
        ([0, 3], [1, 0], [1.0, 1.0], "outside 0 … 2"),
        ([0, 1], [1, -1], [1.0, 1.0], "outside 0 … 2"),
        ([0, 1], [1, 0], [1.0, float("nan")], "not finite"),
        ([0, 1], [1, 0], [float("inf"), 1.0], "not finite"),
    ],
)
def test_bad_edges(source, target, weight, message):
    with pytest.raises(GraphError, match=message):
        TextGraph.from_edges(torch.tensor(source), torch.tensor(target), torch.tensor(weight), nodes=3)


def test_transpose_turns_every_edge(graph):
    assert torch.equal(dense(graph.transpose), dense(graph).T)
    assert torch.equal(graph.transpose.source, graph.target[graph.transposed_order])
    assert torch.equal(graph.transpose.target, graph.source[graph.transposed_order])
    assert torch.equal(graph.transpose.weight, graph.weight[graph.transposed_order])


def test_product_equals_dense(graph):
    x = features(graph.nodes).requires_grad_()
    y = x.detach().clone().requires_grad_()
    out, expected = propagate(graph, x), dense(graph) @ y
    torch.testing.assert_close(out, expected)
    out.pow(2).sum().backward()
    expected.pow(2).sum().backward()
    torch.testing.assert_close(x.grad, y.grad)


def test_loops_follow_pyg(graph):
    utils = pytest.importorskip("torch_geometric.utils")
    ends = torch.stack([graph.source, graph.target])
    ends, weight = utils.add_remaining_self_loops(ends, graph.weight, 1.0, graph.nodes)
    expected = torch.zeros(graph.nodes, graph.nodes, dtype=torch.float64)
    expected[ends[1], ends[0]] = weight
    looped = graph.with_loops()
    assert looped.edges == weight.numel()
    torch.testing.assert_close(dense(looped), expected)
    assert looped.with_loops().edges == looped.edges


def test_edge_of_weight_zero_stays_an_edge():
    graph = edges((0, 1, 0.0), (1, 1, 0.0), nodes=2).with_loops()
    assert list(zip(graph.source.tolist(), graph.target.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 1)]
    assert graph.weight.tolist() == [1.0, 0.0, 0.0]


def test_symmetric_normalisation_follows_pyg(graph):
    conv = pytest.importorskip("torch_geometric.nn.conv.gcn_conv")
    ends = torch.stack([graph.source, graph.target])
    ends, weight = conv.gcn_norm(ends, graph.weight, graph.nodes, dtype=torch.float64)
    expected = torch.zeros(graph.nodes, graph.nodes, dtype=torch.float64)
    expected[ends[1], ends[0]] = weight
    torch.testing.assert_close(dense(graph.with_loops().normalised()), expected)


def test_row_normalisation_by_hand():
    graph = edges((0, 2, 1.0), (1, 2, 3.0), (2, 0, 5.0), nodes=3).normalised("row")
    assert dense(graph).tolist() == [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.25, 0.75, 0.0]]


@pytest.mark.parametrize("kind", ["symmetric", "row"])
def test_node_of_degree_zero_stays_finite(kind):
    graph = edges((0, 1, 2.0), (2, 0, 0.0), nodes=3).normalised(
        kind
    )  # 2 receives nothing, 0 nothing that counts
    assert torch.isfinite(graph.weight).all()
    assert not propagate(graph, features(3))[[0, 2]].any()


def test_part_is_the_submatrix_with_the_degrees_of_the_whole(graph):
    rows = torch.tensor([0, 2, 3])
    part = graph.part(rows)
    assert torch.equal(dense(part), dense(graph)[rows][:, rows])
    assert torch.equal(part.degree, graph.degree[rows])
    whole = dense(graph.with_loops().normalised())
    torch.testing.assert_close(dense(part.with_loops().normalised()), whole[rows][:, rows])


def test_part_counts_its_texts():
    graph = replace(random_graph(6, 12), texts=4)
    assert graph.part(torch.tensor([1, 3, 4])).texts == 2


def test_reach_by_hand():
    graph = edges((0, 1, 1.0), (1, 2, 1.0), (2, 3, 1.0), (4, 3, 1.0), (3, 0, 1.0), nodes=6)
    start = torch.tensor([3])
    assert [graph.reach(start, hops).tolist() for hops in range(4)] == [
        [3],
        [2, 3, 4],
        [1, 2, 3, 4],
        [0, 1, 2, 3, 4],
    ]
    assert graph.reach(torch.tensor([5, 1]), 1).tolist() == [0, 1, 5]


def test_reach_is_the_power_of_the_adjacency(graph):
    rows = torch.tensor([1, 3])
    step = (dense(graph.with_loops()) != 0).double()
    for hops in range(3):
        reached = torch.linalg.matrix_power(step, hops)[rows].sum(0).nonzero().flatten()
        assert torch.equal(graph.reach(rows, hops), reached)


def test_derived_graphs_are_made_once(graph):
    assert graph.with_loops() is graph.with_loops()
    assert graph.normalised() is graph.normalised()
    assert graph.transpose is graph.transpose
    assert graph.to(dtype=torch.float64) is graph
