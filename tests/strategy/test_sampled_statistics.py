"""Normalisations, and starts, where every step reads a sample of the graph."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from graphtune.graph import Sampler
from graphtune.initial import GAE, VGAE, GraphMAE
from graphtune.layer import GCN, SAGE
from graphtune.model import Model, Task
from graphtune.strategy import AdapterGNN, Full, StochNorm
from graphtune.strategy.adapter_gnn import Adapted
from graphtune.strategy.started import Started
from graphtune.strategy.stoch_norm import Normalised
from graphtune.train import Training, train
from tasks import KilledError, Mortal, same, small_task, weights

FEW = Training(batch_rows=10, sampler=Sampler((2, 2)), patience=None, checkpoint_seconds=0.0)
METHODS = [StochNorm(epochs=3), AdapterGNN(bottleneck=3, rate=0.05, epochs=3)]
every = pytest.mark.parametrize("method", METHODS, ids=lambda one: type(one).__name__)


def deep_model(layer=GCN) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Model([layer(a, b) for a, b in pairwise([8, 4, 4])], nn.Linear(4, 3), dropout=0.0).eval()


@torch.no_grad()
def statistics(model: Model, task: Task) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Return, for each normalisation, its mean and variance, and what it normalises, for all nodes."""
    found, x, graph = [], task.features, task.graph
    for layer in model.layers:
        if isinstance(layer, Normalised):
            found.append((layer.mean, layer.variance, layer.layer(x, graph)))
        assert isinstance(layer, Normalised | Adapted)
        if isinstance(layer, Adapted):
            for adapter, read in ((layer.own, x), (layer.near, Model.averaged(x, graph))):
                wide = adapter.up(torch.relu(adapter.down(read) + adapter.bias))
                found.append((adapter.norm.running_mean, adapter.norm.running_var, wide))
        x = torch.relu(layer(x, graph))
    return found


@every
@pytest.mark.parametrize("layer", [GCN, SAGE])
def test_what_normalises_afterwards_are_statistics_of_the_whole_graph(method, layer):
    task, model = small_task(val=0), deep_model(layer)
    train(method, model, task, FEW, seed=0)
    for mean, variance, read in statistics(model, task):
        torch.testing.assert_close(mean, read.mean(0), rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(variance, read.var(0), rtol=1e-4, atol=1e-6)
        assert bool(read.var(0).gt(0).any())


@every
def test_nodes_whose_features_a_sample_does_not_tell_do_not_count(method):
    task, model = small_task(), deep_model()
    walk = method.phases(model, task)
    phase = next(walk)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    rows, model = task.train[:6], model.train()
    part = task.sampled(rows, Sampler((1000, 1000)), np.random.default_rng(0))
    assert part.graph.nodes > len(task.graph.reach(rows, 1)) > len(rows)

    def loss(batch) -> float:
        torch.manual_seed(2)
        return float(phase.loss(batch).detach())

    found = loss(part)
    for layer, hops in zip(model.layers, (1, 0), strict=True):
        layer.count(task.graph.reach(rows, hops))
    torch.manual_seed(2)
    expected = float(nn.functional.cross_entropy(model(task.batch(rows)), task.labels[rows]).detach())
    assert found == pytest.approx(expected, rel=1e-4)
    before = weights(model)
    loss(part)
    assert same(before, weights(model))  # a sample moves no statistics
    phase.refresh()
    assert not same(before, weights(model))
    loss(task.batch(rows))  # and the whole graph counts as it did
    before = weights(model)
    phase.refresh()
    assert same(before, weights(model))
    walk.close()


@every
def test_a_row_alone_has_no_statistics_of_its_own(method):
    task, model = small_task(), deep_model()
    walk = method.phases(model, task)
    phase = next(walk)
    model.train()
    assert phase.loss(task.sampled(task.train[:1], Sampler((2, 2)), np.random.default_rng(0))).isfinite()
    walk.close()


@every
def test_a_killed_training_on_samples_resumes_bit_for_bit(method, tmp_path):
    task, whole = small_task(), deep_model()
    history = train(method, whole, task, FEW, seed=0)
    for losses in (2, 5):
        with pytest.raises(KilledError):
            train(Mortal(method, losses), deep_model(), task, FEW, seed=0, into=tmp_path / str(losses))
        resumed = deep_model()
        again = train(method, resumed, task, FEW, seed=0, into=tmp_path / str(losses), resume=True)
        assert same(weights(whole), weights(resumed))
        assert history == again


@pytest.mark.parametrize("objective", [GAE(epochs=1), VGAE(epochs=1), GraphMAE(epochs=1)])
def test_what_reads_neighbours_outputs_draws_a_hop_further_and_tuning_does_not(objective, monkeypatch):
    drawn, sampled = [], Task.sampled

    def watched(self, rows, sampler, generator):
        drawn.append(sampler.fanouts)
        return sampled(self, rows, sampler, generator)

    monkeypatch.setattr(Task, "sampled", watched)
    settings = Training(sampler=Sampler((3, 2)))
    train(Started(objective, Full(epochs=1)), deep_model(), small_task(), settings, seed=0)
    assert drawn == [(3, 2, 2), (3, 2)]
    drawn.clear()
    train(objective, deep_model(), small_task(), Training(sampler=Sampler((3, 2, 5, 4))), seed=0)
    assert drawn == [(3, 2, 5, 4)]


def test_with_every_neighbour_drawn_masked_nodes_are_restored_as_from_the_whole():
    task, model = small_task(), deep_model()
    walk = GraphMAE().phases(model, task)
    phase = next(walk)
    rows, losses = phase.task.train[:20], []
    for hops in (0, 2, 2 + phase.further):
        part = phase.task.batch(rows)
        if hops:
            part = phase.task.sampled(rows, Sampler((1000,) * hops), np.random.default_rng(0))
        torch.manual_seed(4)
        losses.append(float(phase.loss(part).detach()))
    assert losses[2] == pytest.approx(losses[0], rel=1e-5)
    assert losses[1] != pytest.approx(losses[0], rel=1e-5)
    walk.close()
