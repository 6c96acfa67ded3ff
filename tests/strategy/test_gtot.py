"""Transport between a network and its start: the plan against linear programming, and the sum it makes."""

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from scipy.sparse import coo_array

from graphtune.graph import Sampler, TextGraph
from graphtune.layer import GCN
from graphtune.model import Model
from graphtune.strategy import GTOT
from graphtune.strategy.gtot import mask, plan, transported
from graphtune.strategy.start import Start
from graphtune.train import Training, train
from laws import features, random_graph
from tasks import small_task, weights


def both_ways(nodes: int, edges: int, seed: int) -> TextGraph:
    some = random_graph(nodes, edges, seed=seed)
    ends = torch.cat([some.source, some.target]), torch.cat([some.target, some.source])
    return TextGraph.from_edges(*ends, nodes=nodes).to(dtype=torch.float64)


def costs(edges: TextGraph, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2.0 * torch.rand(edges.edges, generator=generator, dtype=torch.float64)


def marginals(edges: TextGraph, flow: torch.Tensor) -> np.ndarray:
    matrix = coo_array((flow.numpy(), (edges.target.numpy(), edges.source.numpy())), shape=(edges.nodes,) * 2)
    return np.concatenate([matrix.sum(0), matrix.sum(1)])


def cheapest(edges: TextGraph, cost: torch.Tensor) -> float:
    """What the masked transport costs without entropy."""
    number, nodes = np.arange(edges.edges), edges.nodes
    one = np.ones(edges.edges)
    ends = [np.concatenate([number, number]), np.concatenate([edges.target, edges.source + nodes])]
    sums = coo_array((np.concatenate([one, one]), (ends[1], ends[0])), shape=(2 * nodes, edges.edges))
    found = linprog(cost.numpy(), A_eq=sums.tocsr(), b_eq=np.full(2 * nodes, 1 / nodes), method="highs")
    assert found.status == 0
    return found.fun


@pytest.mark.parametrize("seed", range(4))
def test_with_little_entropy_the_plan_costs_what_linear_programming_finds(seed):
    edges = mask(both_ways(8, 10, seed), 1)
    cost = costs(edges, seed)
    flow = plan(edges, cost, 0.01, 20000)
    np.testing.assert_allclose(marginals(edges, flow), 1 / 8, rtol=2e-3)
    least = cheapest(edges, cost)
    assert least - 2e-3 <= float((flow * cost).sum()) <= least + 0.02


@pytest.mark.parametrize("seed", range(3))
def test_the_plan_is_the_entropic_one(seed):
    # Of all plans with these marginals it alone is exp((f_i + g_j - C_ij) / epsilon).
    edges = mask(both_ways(9, 14, seed), 1)
    cost = costs(edges, seed)
    flow = plan(edges, cost, 0.1, 5000)
    np.testing.assert_allclose(marginals(edges, flow), 1 / 9, rtol=2e-3)
    left = (flow.log() + cost / 0.1).numpy()
    pattern = np.zeros((edges.edges, 18))
    number = np.arange(edges.edges)
    pattern[number, edges.target.numpy()] = 1.0
    pattern[number, edges.source.numpy() + 9] = 1.0
    potentials = np.linalg.lstsq(pattern, left, rcond=None)[0]
    np.testing.assert_allclose(pattern @ potentials, left, atol=1e-8)


def test_two_nodes_by_hand():
    # Loops cost 0.3, edges 0.2; by symmetry a share s stays, and s / (1 - s) = exp((0.2 - 0.3) / 0.1).
    edges = mask(TextGraph.from_edges(torch.tensor([0, 1]), torch.tensor([1, 0]), nodes=2), 1)
    cost = torch.where(edges.source == edges.target, 0.3, 0.2)
    flow = plan(edges, cost, 0.1, 100)
    stays = 1 / (1 + np.exp(1.0))
    expected = torch.where(edges.source == edges.target, stays, 1 - stays) / 2
    torch.testing.assert_close(flow, expected.float(), rtol=1e-3, atol=0)


def test_without_edges_everything_stays_where_it_is():
    edges = mask(TextGraph.empty(4), 1)
    torch.testing.assert_close(plan(edges, torch.ones(4), 0.1, 100), torch.full((4,), 0.25))


@pytest.mark.parametrize("epsilon", [1e-4, 0.1, 100.0])
def test_where_there_is_no_plan_the_numbers_stay_finite(epsilon):
    # Both messages of node 0 go out, and nothing comes in: no plan without loops.
    graph = TextGraph.from_edges(torch.tensor([0, 0]), torch.tensor([1, 2]), nodes=3)
    flow = plan(graph, torch.tensor([0.0, 2.0]), epsilon, 100)
    assert flow.isfinite().all()
    assert not np.allclose(marginals(graph, flow), 1 / 3, rtol=0.1)


def test_an_edge_on_no_cycle_falls_towards_nothing():
    edges = mask(TextGraph.from_edges(torch.tensor([0]), torch.tensor([1]), nodes=2), 1)
    alone = edges.source != edges.target
    few, many = (float(plan(edges, torch.zeros(3), 0.1, count)[alone]) for count in (1, 1000))
    assert many < 1e-3 < few


def test_a_long_way_down_in_single_precision_stays_finite():
    # Every loop is dear and every step to the next is free: potentials would grow along the path.
    step = torch.arange(299)
    edges = mask(TextGraph.from_edges(step, step + 1, nodes=300), 1)
    cost = torch.where(edges.source == edges.target, 2.0, 0.0)
    flow = plan(edges, cost, 0.02, 300)
    assert flow.isfinite().all()
    assert float(flow.sum()) == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_a_mask_holds_what_is_within_its_hops(hops):
    graph = random_graph(9, 12)
    near = (graph.scipy().toarray() > 0) | np.eye(9, dtype=bool)
    expected = np.linalg.matrix_power(near.astype(int), hops) > 0
    found = mask(graph, hops)
    assert np.array_equal(found.scipy().toarray() != 0, expected)
    assert found.weight.dtype == graph.weight.dtype


def test_the_sum_by_hand_and_its_gradient():
    edges = mask(both_ways(6, 7, 0), 1)
    now, then = features(6, seed=1).requires_grad_(), features(6, seed=2)
    cosine = torch.nn.functional.cosine_similarity(now[edges.target], then[edges.source])
    flow = plan(edges, 1 - cosine.detach(), 0.1, 100)
    expected = (flow * (1 - cosine)).sum()
    found = transported(edges, now, then, 0.1, 100)
    torch.testing.assert_close(found, expected)
    (own,), (other,) = torch.autograd.grad(found, now), torch.autograd.grad(expected, now)
    torch.testing.assert_close(own, other)


def test_the_gradient_is_that_of_the_transport_with_its_entropy():
    edges = mask(both_ways(6, 7, 0), 1)
    now, then = features(6, seed=1).requires_grad_(), features(6, seed=2)

    def value(x: torch.Tensor) -> torch.Tensor:
        x = x.detach()
        flow = plan(edges, 1 - cosines(edges, x, then), 0.1, 10**5)
        return transported(edges, x, then, 0.1, 10**5) + 0.1 * (flow * flow.log()).sum()

    (gradient,) = torch.autograd.grad(transported(edges, now, then, 0.1, 10**5), now)
    for place in ((0, 0), (3, 2), (5, 4)):
        step = torch.zeros(6, 5, dtype=torch.float64)
        step[place] = 1e-3
        slope = (value(now + step) - value(now - step)) / 2e-3
        assert float(slope) == pytest.approx(float(gradient[place]), rel=2e-2, abs=1e-3)


def cosines(edges: TextGraph, now: torch.Tensor, then: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cosine_similarity(now[edges.target], then[edges.source])


def test_a_node_whose_features_are_0_has_a_finite_gradient():
    edges = mask(both_ways(6, 7, 0), 1)
    now = features(6, seed=1)
    now[2] = 0.0
    now.requires_grad_()
    (gradient,) = torch.autograd.grad(transported(edges, torch.relu(now), features(6), 0.1, 100), now)
    assert gradient.isfinite().all()
    assert not gradient[2].any()


def test_a_strong_pull_keeps_features_where_they_were():
    task = small_task()

    def moved(weight: float) -> float:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = Model([GCN(8, 5), GCN(5, 5)], torch.nn.Linear(5, 3), dropout=0.3).eval()
        start = Start(model)
        train(GTOT(weight=weight, epochs=15), model, task, Training(patience=None), seed=0)
        step = task.batch(task.train)
        both = zip(model.climb(step.features, step.graph), start.features(step), strict=True)
        return sum(float((1 - torch.nn.functional.cosine_similarity(*pair)).detach().mean()) for pair in both)

    assert moved(100.0) < 0.7 * moved(0.0)


@pytest.mark.parametrize("hops", [1, 2])
def test_it_runs_on_samples(hops):
    task = small_task()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Model([GCN(8, 5), GCN(5, 5)], torch.nn.Linear(5, 3)).eval()
    settings = Training(batch_rows=10, sampler=Sampler((3, 3)), patience=None)
    before = weights(model)
    train(GTOT(hops=hops, epochs=2), model, task, settings, seed=0)
    assert all(not torch.equal(tensor, before[name]) for name, tensor in weights(model).items())
