"""What sampling round a few nodes may give, and what it must keep."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
import torch

from graphtune.errors import GraphError, PlanError
from graphtune.graph import Attachment, Sampled, Sampler, TextGraph, received
from laws import random_graph

NODES = 60


def drawn(graph: TextGraph, seeds: list[int], *fanouts: int, seed: int = 0) -> Sampled:
    return Sampler(fanouts).sample(graph, torch.tensor(seeds), np.random.default_rng(seed))


def dense(graph: TextGraph) -> np.ndarray:
    return graph.scipy().toarray()


def neighbours(graph: TextGraph) -> np.ndarray:
    """How many neighbours other than itself each node has."""
    return ((dense(graph) != 0) & ~np.eye(graph.nodes, dtype=bool)).sum(axis=1)


@pytest.fixture(params=[False, True], ids=["plain", "loops"])
def graph(request) -> TextGraph:
    return random_graph(NODES, 500, loops=request.param)


@pytest.mark.parametrize("fanouts", [(1,), (3,), (4, 2), (3, 3, 3), (100, 100)])
def test_what_is_sampled_is_there_and_no_more_than_the_fanouts(graph, fanouts):
    part = drawn(graph, [5, 40, 3], *fanouts)
    nodes = part.nodes.numpy()
    whole = dense(graph)
    among = dense(part.graph)
    assert nodes[:3].tolist() == [5, 40, 3]
    assert len(set(nodes.tolist())) == len(nodes) == part.graph.nodes
    assert ((among == 0) | (whole[np.ix_(nodes, nodes)] != 0)).all()
    count = neighbours(part.graph)
    assert count.max() <= max(fanouts)
    assert count[:3].tolist() == np.minimum(neighbours(graph)[nodes[:3]], fanouts[0]).tolist()
    # The format's own promises: sorted, unique columns.
    again = TextGraph.from_scipy(part.graph.scipy(), texts=part.graph.texts)
    assert torch.equal(again.col, part.graph.col)


def test_each_hop_has_its_own_fanout():
    inner = 421  # of a tree in which every inner node receives from 20 others
    target = torch.arange(inner).repeat_interleave(20)
    part = drawn(
        TextGraph.from_edges(torch.arange(inner * 20) + 1, target, nodes=inner * 20 + 1), [0], 7, 3, 2
    )
    received_by_hop = []
    frontier, seen = {0}, {0}
    for _ in range(4):
        received_by_hop.append({int(part.graph.crow.diff()[node]) for node in frontier})
        near = {int(s) for n in frontier for s in part.graph.col[part.graph.crow[n] : part.graph.crow[n + 1]]}
        frontier = near - seen
        seen |= near
    assert received_by_hop == [{7}, {3}, {2}, {0}]
    assert seen == set(range(part.graph.nodes))


def test_nodes_with_few_neighbours_keep_them_all(graph):
    part = drawn(graph, list(range(NODES)), 9)
    whole, count = dense(graph), neighbours(graph)
    assert part.nodes.tolist() == list(range(NODES))
    few = count <= 9
    assert few.any()
    assert (~few).any()
    np.testing.assert_array_equal(dense(part.graph)[few], whole[few])
    assert (neighbours(part.graph)[~few] == 9).all()


def test_the_expected_weighted_sum_is_the_whole_one(graph):
    copies, x = 4000, np.random.default_rng(5).normal(size=NODES)
    rows = np.repeat([0, 10, 31], copies)  # each draws for itself
    none = scipy.sparse.csr_array((len(rows), len(rows)))
    many = Attachment(graph.scipy()[rows], none).extend(graph)
    many = replace(many, texts=many.nodes)
    part = drawn(many, list(range(NODES, many.nodes)), 3)
    sums = part.graph.scipy() @ np.concatenate([x, np.zeros(len(rows))])[part.nodes]
    sums = sums[: len(rows)].reshape(3, copies)
    expected = (dense(graph) @ x)[[0, 10, 31]]
    assert (neighbours(graph)[[0, 10, 31]] > 3).all()
    assert (np.abs(sums.mean(axis=1) - expected) < 4 * sums.std(axis=1) / np.sqrt(copies)).all()


@pytest.mark.parametrize("fanout", [1, 4, 9])
def test_every_set_of_neighbours_is_as_likely(fanout):
    copies = 5000
    target = torch.arange(copies).repeat_interleave(10) + 10
    graph = TextGraph.from_edges(torch.arange(10).repeat(copies), target, nodes=copies + 10)
    part = drawn(graph, list(range(10, copies + 10)), fanout)
    order = np.argsort(part.nodes.numpy())
    picked = (dense(part.graph)[:copies][:, order[:10]] > 0).astype(float)
    assert (picked.sum(axis=1) == fanout).all()
    np.testing.assert_allclose(picked.mean(axis=0), fanout / 10, atol=0.03)
    together = (picked.T @ picked / copies)[~np.eye(10, dtype=bool)]
    np.testing.assert_allclose(together, fanout * (fanout - 1) / 90, atol=0.03)


def test_degrees_and_loops_stay_those_of_the_whole(graph):
    part = drawn(graph, [5, 40, 3], 2, 2)
    assert torch.equal(part.graph.degree, graph.degree[part.nodes])
    at = part.nodes.numpy()
    np.testing.assert_array_equal(dense(part.graph).diagonal(), dense(graph).diagonal()[at])
    torch.testing.assert_close(part.graph.with_loops().degree, graph.with_loops().degree[part.nodes])


def test_the_seed_decides(graph):
    once, again = drawn(graph, [1, 2], 3, 2, seed=4), drawn(graph, [1, 2], 3, 2, seed=4)
    for name in ("crow", "col", "weight"):
        assert torch.equal(getattr(once.graph, name), getattr(again.graph, name))
    assert torch.equal(once.nodes, again.nodes)
    others = [drawn(graph, [1, 2], 3, 2, seed=seed).nodes.tolist() for seed in range(5, 10)]
    assert any(other != once.nodes.tolist() for other in others)


def test_edges_are_followed_against_their_direction_only():
    # 0 -> 1 -> 2, and 2 sends to nobody.
    graph = TextGraph.from_edges(torch.tensor([0, 1]), torch.tensor([1, 2]), nodes=3)
    assert sorted(drawn(graph, [2], 5, 5).nodes.tolist()) == [0, 1, 2]
    assert drawn(graph, [0], 5, 5).nodes.tolist() == [0]
    part = drawn(graph, [1], 5, 5)
    assert part.nodes.tolist() == [1, 0]
    assert dense(part.graph).tolist() == [[0, 1], [0, 0]]


def test_isolated_nodes_and_no_seeds():
    lonely = drawn(TextGraph.empty(5), [4, 2], 3, 3)
    assert lonely.nodes.tolist() == [4, 2]
    assert lonely.graph.edges == 0
    none = torch.zeros(0, dtype=torch.int64)
    nothing = Sampler((3,)).sample(random_graph(9, 20), none, np.random.default_rng(0))
    assert (nothing.graph.nodes, nothing.graph.edges) == (0, 0)
    assert nothing.rows.tolist() == []


def test_seeds_that_come_twice_are_one_node(graph):
    part = drawn(graph, [9, 4, 9, 9, 1], 2)
    assert part.nodes[:3].tolist() == [9, 4, 1]
    assert part.rows.tolist() == [0, 1, 0, 0, 2]


def test_words_come_behind_texts():
    graph = random_graph(NODES, 500)
    graph = TextGraph(graph.crow, graph.col, graph.weight, texts=20)
    part = drawn(graph, [19, 3], 4, 4)
    texts = part.nodes < 20
    assert part.graph.texts == int(texts.sum())
    assert texts[: part.graph.texts].all()
    with pytest.raises(GraphError, match=r"Seeds 3 … 20 .* 20 texts"):
        drawn(graph, [3, 20], 2)
    with pytest.raises(GraphError, match="Seeds -1"):
        drawn(graph, [-1], 2)


@pytest.mark.parametrize("fanouts", [(), (0,), (5, -1)])
def test_fanouts_that_draw_nothing_are_refused(fanouts):
    with pytest.raises(PlanError, match="draw no neighbours"):
        Sampler(fanouts)


def test_floating_point_type_is_kept():
    graph = random_graph(NODES, 500)
    assert drawn(graph, [1], 2).graph.weight.dtype == torch.float64
    assert drawn(graph.to(dtype=torch.float32), [1], 2).graph.weight.dtype == torch.float32


def test_rows_receive_all_they_do(graph):
    rows = torch.tensor([2, 11, 50])
    part = received(graph, rows)
    whole, at = dense(graph), part.nodes.numpy()
    assert at.tolist() == sorted({*rows.tolist(), *np.flatnonzero(whole[rows].any(axis=0)).tolist()})
    among = dense(part.graph)
    np.testing.assert_array_equal(among[part.rows], whole[rows][:, at])
    rest = np.setdiff1d(np.arange(len(at)), part.rows)
    np.testing.assert_array_equal(among[rest], np.diag(whole.diagonal()[at])[rest])
