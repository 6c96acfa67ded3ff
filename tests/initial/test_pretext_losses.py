"""Losses and draws of the objectives, against values worked out by hand or by other libraries."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from graphtune.graph import TextGraph
from graphtune.initial.dgi import Discriminator
from graphtune.initial.gae import edge_loss, non_edges
from graphtune.initial.graph_cl import nt_xent, without_edges
from graphtune.initial.graph_mae import scaled_cosine_error
from graphtune.initial.masked_edges import shares, without_weights
from graphtune.initial.pretext import drawn, into, masked
from graphtune.initial.vgae import kl_to_normal
from graphtune.model import Batch
from laws import random_graph


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def batch_of(graph: TextGraph, rows: list[int]) -> Batch:
    at = torch.tensor(rows, dtype=torch.int64)
    return Batch(torch.zeros(graph.nodes, 1), graph, at, torch.full_like(at, -1))


def test_the_loss_of_edges_is_that_of_the_only_edge_and_the_only_pair_without_one():
    # Node 0 receives from 1, and from itself, which is no edge: nothing is left to tell it from.
    graph = TextGraph.from_edges(torch.tensor([1, 0]), torch.tensor([0, 0]), nodes=2)
    z = torch.tensor([[1.0, 2.0], [3.0, -0.5]])
    assert float(edge_loss(z, batch_of(graph, [0]))) == pytest.approx(softplus(-2.0))
    # With a third node there is one pair without an edge.
    graph = TextGraph.from_edges(torch.tensor([1]), torch.tensor([0]), nodes=3)
    z = torch.tensor([[1.0, 2.0], [3.0, -0.5], [-1.0, 4.0]])
    torch.manual_seed(0)
    found = {round(float(edge_loss(z, batch_of(graph, [0]))), 5) for _ in range(20)}
    assert max(found) == pytest.approx(softplus(-2.0) + softplus(7.0), abs=1e-4)


def test_the_loss_of_no_edge_is_nothing():
    assert (
        float(edge_loss(torch.ones(3, 2, requires_grad=True), batch_of(TextGraph.empty(3), [0, 1, 2]))) == 0
    )


def test_of_many_edges_some_are_drawn(monkeypatch):
    from graphtune.initial import gae

    monkeypatch.setattr(gae, "_EDGES", 10)
    graph = random_graph(30, 200)
    assert gae._edges(batch_of(graph, list(range(30)))).shape == (2, 10)
    assert gae._edges(batch_of(graph, [])).shape == (2, 0)


def test_pairs_without_an_edge_have_none_in_either_direction_and_are_drawn_evenly():
    torch.manual_seed(0)
    graph = random_graph(8, 30)
    joined = graph.scipy().toarray() != 0
    joined = joined | joined.T | np.eye(8, dtype=bool)
    pairs = non_edges(graph, torch.arange(8), 4000).numpy()
    assert not joined[pairs[0], pairs[1]].any()
    counts = np.zeros((8, 8))
    np.add.at(counts, (pairs[0], pairs[1]), 1)
    free = counts[~joined]
    assert len(free) >= 10
    assert free.min() > 0.6 * free.mean()
    assert free.max() < 1.4 * free.mean()


def test_a_complete_graph_has_no_pair_without_an_edge():
    nodes = torch.arange(5)
    graph = TextGraph.from_edges(*torch.cartesian_prod(nodes, nodes).t(), nodes=5)
    assert non_edges(graph, nodes, 50).shape == (2, 0)


def test_divergence_from_a_normal_equals_that_of_torch():
    torch.manual_seed(0)
    mean, log = torch.randn(6, 3), torch.randn(6, 3)
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mean, log.exp()), normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(kl_to_normal(mean, log), expected)
    assert float(kl_to_normal(torch.zeros(2, 3), torch.zeros(2, 3))) == 0.0


@pytest.mark.parametrize("power", [1.0, 2.0, 3.0])
def test_scaled_cosine_error(power):
    found = torch.tensor([[1.0, 0.0], [1.0, 1.0], [-2.0, 0.0], [0.0, 0.0]])
    wanted = torch.tensor([[2.0, 0.0], [0.0, 3.0], [1.0, 0.0], [1.0, 0.0]])
    expected = (0.0 + (1 - math.sqrt(0.5)) ** power + 2.0**power + 1.0) / 4
    assert float(scaled_cosine_error(found, wanted, power)) == pytest.approx(expected, abs=1e-6)


def test_scaled_cosine_error_of_equal_rows_is_finite_for_a_broken_power():
    torch.manual_seed(0)
    rows = torch.randn(200, 7, requires_grad=True)
    value = scaled_cosine_error(rows, rows.detach(), 1.5)
    value.backward()
    assert 0.0 <= float(value.detach()) < 1e-6
    assert bool(torch.isfinite(rows.grad).all())


def test_nt_xent_by_hand():
    first, second = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    half = math.sqrt(0.5)
    cosines, heat = [[1.0, half], [0.0, half]], 0.5
    rows = [math.log(sum(math.exp(c / heat) for c in row)) - row[i] / heat for i, row in enumerate(cosines)]
    turned = list(zip(*cosines, strict=True))
    columns = [math.log(sum(math.exp(c / heat) for c in row)) - row[i] / heat for i, row in enumerate(turned)]
    assert float(nt_xent(first, second, heat)) == pytest.approx((sum(rows) + sum(columns)) / 4, rel=1e-5)
    assert float(nt_xent(first[:1], second[:1], heat)) == 0.0


def test_a_view_lacks_some_edges_keeps_loops_and_stays_a_graph():
    torch.manual_seed(0)
    graph = random_graph(40, 800, loops=True)
    view = without_edges(graph, 0.2)
    whole, part = graph.scipy().toarray(), view.scipy().toarray()
    assert ((part == whole) | (part == 0)).all()
    assert (np.diag(part) == np.diag(whole)).all()
    off = ~np.eye(40, dtype=bool)
    assert 0.7 < (part[off] != 0).sum() / (whole[off] != 0).sum() < 0.9
    rebuilt = TextGraph.from_scipy(view.scipy())
    assert torch.equal(rebuilt.col, view.col)
    assert torch.equal(rebuilt.crow, view.crow)
    assert view.texts == graph.texts
    torch.testing.assert_close(view.degree.numpy(), part.sum(1))
    assert without_edges(graph, 0.0).edges == graph.edges


def test_a_view_of_a_part_has_the_degrees_of_a_view_of_the_whole():
    graph = random_graph(40, 300, loops=True)
    torch.manual_seed(0)
    whole = without_edges(graph, 0.3)
    torch.manual_seed(0)
    part = without_edges(replace(graph, whole_degree=graph.degree), 0.3)
    torch.testing.assert_close(part.degree, whole.degree)
    # Node 0 keeps all it has in the part, 1 has a loop alone there, 2 nothing.
    ends = torch.tensor([0, 1, 1]), torch.tensor([1, 0, 1])
    small = TextGraph.from_edges(*ends, torch.tensor([1.0, 2.0, 0.5]), nodes=3)
    small = replace(small, whole_degree=torch.tensor([2.0, 4.5, 10.0]))
    assert without_edges(small, 0.0).degree.tolist() == pytest.approx([2.0, 4.5, 10.0])
    bare = TextGraph.from_edges(torch.tensor([1, 0]), torch.tensor([1, 2]), nodes=3)
    bare = replace(bare, whole_degree=torch.tensor([8.0, 5.0, 3.0]))
    torch.manual_seed(1)
    found = without_edges(bare, 0.5)
    kept = bool(found.edges == 2)
    assert found.degree.tolist() == pytest.approx([4.0, 1 + 0.5 * 4, 3.0 if kept else 2.0])


def test_pairs_of_a_sample_end_where_its_edges_into_the_rows_begin():
    graph = random_graph(30, 60)
    graph = replace(graph, whole_degree=graph.degree)
    rows = torch.arange(3)
    into = torch.isin(graph.target, rows) & (graph.target != graph.source)
    pairs = non_edges(graph, rows, 500)
    assert set(pairs[1].tolist()) <= set(graph.source[into].tolist())


def test_shares_and_masked_weights_by_hand():
    # 0 receives 1 from 1, 3 from 2 and 9 from itself; 1 receives 5 from 0; 2 nothing.
    ends = torch.tensor([1, 2, 0, 0]), torch.tensor([0, 0, 0, 1])
    graph = TextGraph.from_edges(*ends, torch.tensor([1.0, 3.0, 9.0, 5.0]), nodes=3)

    def dense(of: TextGraph) -> list[list[float]]:
        return of.scipy().toarray().tolist()

    assert dense(replace(graph, weight=shares(graph))) == [[4.5, 0.5, 1.5], [1, 0, 0], [0, 0, 0]]
    edge = int(((graph.target == 0) & (graph.source == 1)).nonzero())
    # With the edge goes the one in the other direction, which is all that 1 has.
    masked = without_weights(graph, torch.tensor([edge]))
    assert dense(masked) == [[9, 3, 3], [4.5, 0, 0], [0, 0, 0]]
    part = without_weights(replace(graph, whole_degree=torch.tensor([26.0, 10.0, 4.0])), torch.tensor([edge]))
    assert part.degree.tolist() == [28, 9.5, 4]


def test_nothing_of_a_masked_weight_is_left():
    torch.manual_seed(0)
    graph = random_graph(12, 60, loops=True)
    edges = into(graph, torch.arange(4))[:9]
    other = replace(graph, weight=graph.weight.index_fill(0, edges, 7.0))
    turned = torch.isin(graph.target * 12 + graph.source, graph.source[edges] * 12 + graph.target[edges])
    other = replace(other, weight=other.weight.masked_fill(turned, 2.0))
    seen, hidden = (without_weights(one, edges).scipy().toarray() for one in (graph, other))
    whole = (graph.scipy().toarray() != 0).any(axis=1)
    assert whole.any()
    rows = [row for row in range(12) if not (np.delete(seen[row], row) == np.delete(hidden[row], row)).all()]
    # Only rows of which everything is masked tell the mean of the graph.
    visible = torch.ones(graph.edges, dtype=torch.bool)
    visible[edges] = False
    visible &= ~turned & (graph.source != graph.target)
    assert not set(rows) & set(graph.target[visible].tolist())


def test_a_discriminator_is_bilinear():
    torch.manual_seed(0)
    own, theirs = Discriminator(4), nn.Bilinear(4, 4, 1, bias=False)
    with torch.no_grad():
        theirs.weight.copy_(own.matrix[None])
    states, summary = torch.randn(6, 4), torch.randn(4)
    torch.testing.assert_close(own(states, summary), theirs(states, summary.expand(6, 4)).squeeze(1))


def test_masks_and_draws():
    torch.manual_seed(0)
    rows = torch.tensor([2, 5, 7, 9])
    some = drawn(rows, 3)
    assert len(set(some.tolist())) == 3
    assert set(some.tolist()) <= set(rows.tolist())
    x = torch.randn(10, 3)
    token = torch.tensor([1.0, 2.0, 3.0])
    out = masked(x, some, token)
    assert bool((out[some] == token).all())
    rest = [row for row in range(10) if row not in some.tolist()]
    assert torch.equal(out[rest], x[rest])
