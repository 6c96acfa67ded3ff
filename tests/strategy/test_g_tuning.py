"""Graphons of neighbourhoods, by hand, and what is left when they have been rebuilt."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from graphtune.errors import PlanError
from graphtune.graph import Sampler, TextGraph
from graphtune.loss import CrossEntropy
from graphtune.strategy import GTuning
from graphtune.strategy.g_tuning import Mixture, graphons, means
from graphtune.train import Training, train
from tasks import same, small_model, small_task, weights

SETTINGS = Training(batch_rows=10, patience=None)


def test_means_over_parts_of_the_unit_square():
    step = np.arange(16, dtype=np.float32).reshape(4, 4)
    halves = step.reshape(2, 2, 2, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(means(step, 2), halves)
    np.testing.assert_allclose(means(step, 4), step, rtol=1e-6)
    np.testing.assert_allclose(means(step[:2, :2], 4), np.kron(step[:2, :2], np.ones((2, 2))), atol=1e-6)
    fine = np.kron(step[:3, :3], np.ones((5, 5)))  # three steps in five parts: by a grid both fit
    np.testing.assert_allclose(means(step[:3, :3], 5), fine.reshape(5, 3, 5, 3).mean(axis=(1, 3)), rtol=1e-5)


def test_a_neighbourhoods_graphon_by_hand():
    # 0 - 1, 0 - 2, 0 - 3, 1 - 2, and 4 apart.
    ends = torch.tensor([[0, 0, 0, 1], [1, 2, 3, 2]])
    graph = TextGraph.from_edges(*torch.cat([ends, ends.flip(0)], 1), 0.3 * torch.ones(8), nodes=5)
    found = graphons(graph, torch.tensor([0, 3, 4]), 1, 2).view(3, 2, 2)
    # Round 0: degrees 3, 2, 2, 1, so the order is 0, 1, 2, 3; blocks are {0, 1} and {2, 3}.
    assert found[0].tolist() == [[0.5, 0.75], [0.75, 0.0]]
    assert found[1].tolist() == [[0.0, 1.0], [1.0, 0.0]]  # 3 and 0
    assert found[2].tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_other_names_of_nodes_give_the_same_graphons():
    task = small_task()
    order = torch.randperm(60, generator=torch.Generator().manual_seed(1))
    graph = task.graph
    renamed = TextGraph.from_edges(order[graph.source], order[graph.target], graph.weight, nodes=60)
    one, other = graphons(graph, torch.arange(60), 1, 1), graphons(renamed, order, 1, 1)
    torch.testing.assert_close(one, other)  # with one block, ties in degree decide nothing


def test_the_loss_by_hand():
    task, model = small_task(), small_model(small_task())
    model.dropout = 0.0
    method = GTuning(bases=3, blocks=2, weight=0.7)
    (phase,) = [next(running := method.phases(model, task))]
    step = phase.task.batch(task.train)
    rows = model.embed(task.features, task.graph)[task.train]
    mixture = model.graphons
    shares = torch.softmax(rows @ mixture.mixing.weight.t() + mixture.mixing.bias, 1)
    rebuilt = sum(shares[:, [k]] * torch.sigmoid(mixture.bases[k]) for k in range(3))
    wanted = graphons(task.graph, task.train, 1, 2)
    expected = CrossEntropy()(model(step), step.labels) + 0.7 * ((rebuilt - wanted) ** 2).mean()
    torch.testing.assert_close(phase.loss(step), expected)
    assert all((wanted - base - 0.5).abs().amax(1).min() < 1e-6 for base in mixture.bases)
    running.close()
    assert not hasattr(model, "graphons")


def test_the_bases_are_gone_in_the_end_and_had_their_say():
    task, results = small_task(), []
    for method in (GTuning(epochs=3), GTuning(epochs=3, weight=0.0)):
        model = small_model(task)
        state = weights(copy.deepcopy(model))
        train(method, model, task, SETTINGS, seed=0)
        assert weights(model).keys() == state.keys()
        results.append(weights(model))
    assert not same(results[0], results[1])


def test_rebuilds_better_with_time():
    mixture = Mixture(5, torch.rand(3, 16, generator=torch.Generator().manual_seed(0)))
    assert mixture(torch.randn(7, 5)).shape == (7, 16)
    task, model = small_task(), small_model(small_task())
    method = GTuning(weight=5.0, epochs=60)
    history = train(method, model, replace(task, val=task.val[:0]), Training(), seed=0)
    assert history.epochs[-1].loss < 0.8 * history.epochs[0].loss


def test_a_sample_of_the_graph_will_do():
    task = small_task()
    settings = Training(batch_rows=10, sampler=Sampler((5,)), patience=None)
    model = small_model(task)
    for layer in model.layers:
        layer.hops = 1
    history = train(GTuning(epochs=2), model, task, settings, seed=0)
    assert len(history.epochs) == 2


def test_what_cannot_be_is_told():
    for wrong in ({"bases": 0}, {"blocks": 0}, {"reach": 0}, {"weight": -1.0}):
        with pytest.raises(PlanError):
            GTuning(**wrong)
    task = small_task()
    with pytest.raises(PlanError, match="there is none"):
        train(GTuning(), small_model(task, layers=False), task, SETTINGS, seed=0)
