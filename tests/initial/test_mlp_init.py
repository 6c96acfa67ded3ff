"""MLPInit trains without edges, and what follows goes on from there."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from graphtune import layer
from graphtune.errors import PlanError
from graphtune.graph import Sampler, TextGraph
from graphtune.initial import MLPInit
from graphtune.initial.mlp_init import without_edges
from graphtune.model import Model, Task
from graphtune.strategy import Full
from graphtune.strategy.started import Started
from graphtune.train import Training, train
from laws import random_graph
from tasks import KilledError, Mortal, same, small_task, weights

SETTINGS = Training(batch_rows=10, patience=None, checkpoint_seconds=0.0)
START = Started(MLPInit(epochs=4), Full(epochs=3))
of_every_layer = pytest.mark.parametrize("of", layer.ALL)


def task() -> Task:
    return replace(small_task(), graph=random_graph(60, 240).to(dtype=torch.float32))


def model(of: type[nn.Module] = layer.GCN, dropout: float = 0.3) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Model([of(8, 12), of(12, 12)], nn.Linear(12, 3), dropout=dropout)


@of_every_layer
def test_without_edges_every_row_is_alone(of):
    given, made = task(), model(of).eval()
    alone = without_edges(given)
    rows = torch.cat([given.train, given.val])
    assert alone.graph.edges == alone.graph.nodes == len(rows)
    together = made.logits(alone.features, alone.graph)
    one_node = TextGraph.empty(1).with_loops()
    each = torch.cat([made.logits(row[None], one_node) for row in given.features[rows]])
    torch.testing.assert_close(together, each)
    torch.testing.assert_close(made(alone.batch(alone.val)), each[len(given.train) :])
    if of not in (layer.SAGE, layer.GIN):  # layers that add loops themselves
        bare = made.logits(given.features, TextGraph.empty(60))
        assert torch.equal(together, bare[rows])


def test_a_gcn_without_edges_is_the_perceptron_of_its_weights():
    given, made = task(), model().eval()
    alone = without_edges(given)
    x = alone.features
    for one in made.layers:
        x = torch.relu(x @ one.weight.weight.t() + one.bias)
    torch.testing.assert_close(made.logits(alone.features, alone.graph), made.head(x))


def test_rows_keep_their_labels_weights_and_targets():
    given = task()
    given = replace(given, weights=torch.rand(60), targets=torch.rand(60, 3), train=torch.tensor([7, 3]))
    alone = without_edges(given)
    assert alone.labels[alone.train].tolist() == given.labels[[7, 3]].tolist()
    assert alone.labels[alone.val].tolist() == given.labels[given.val].tolist()
    assert torch.equal(alone.weights[alone.train], given.weights[[7, 3]])
    assert torch.equal(alone.targets[alone.val], given.targets[given.val])


@of_every_layer
def test_its_phase_learns_and_the_next_one_starts_from_there(of):
    given = task()
    alone, both = model(of), model(of)
    only = train(Started(MLPInit(epochs=4), Full(epochs=0)), alone, given, SETTINGS, seed=0)
    history = train(START, both, given, SETTINGS, seed=0)
    assert [phase.name for phase in history.phases] == ["mlp", "full"]
    assert history.phases[0] == only.phases[0]
    assert history.phases[0].epochs[-1].loss < history.phases[0].epochs[0].loss
    assert not same(weights(alone), weights(both))


def test_the_phase_sees_no_edge():
    given = task()
    other = replace(given, graph=random_graph(60, 240, seed=1).to(dtype=torch.float32))
    found = []
    for one in (given, other):
        made = model()
        train(Started(MLPInit(epochs=4), Full(epochs=0)), made, one, SETTINGS, seed=0)
        found.append(weights(made))
    assert same(*found)


def test_the_optimiser_of_what_follows_starts_afresh():
    given, settings = task(), Training(patience=None)
    given = replace(given, val=given.val[:0])
    whole, later = model(dropout=0.0), model(dropout=0.0)
    train(Started(MLPInit(epochs=5), Full(epochs=2)), whole, given, settings, seed=0)
    train(Started(MLPInit(epochs=5), Full(epochs=0)), later, given, settings, seed=0)
    train(Full(epochs=2), later, given, settings, seed=0)
    assert same(weights(whole), weights(later))


def test_works_where_the_graph_is_sampled():
    settings = replace(SETTINGS, sampler=Sampler((5, 5)))
    history = train(START, model(), task(), settings, seed=0)
    assert [len(phase.epochs) for phase in history.phases] == [4, 3]


@pytest.mark.parametrize("number", [0, 1])
def test_resumes_bit_for_bit_after_a_kill_in_either_phase(number, tmp_path):
    given, whole = task(), model()
    mortal = Mortal(START, 10**9)
    history = train(mortal, whole, given, SETTINGS, seed=0)
    middle = mortal.calls.count("mlp") * number + mortal.calls.count(("mlp", "full")[number]) // 2 + 1
    with pytest.raises(KilledError):
        train(Mortal(START, middle), model(), given, SETTINGS, seed=0, into=tmp_path)
    resumed = model()
    again = train(START, resumed, given, SETTINGS, seed=0, into=tmp_path, resume=True)
    assert same(weights(whole), weights(resumed))
    assert history == again


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"rate": 0.0}, {"decay": -1.0}, {"rate": float("nan")}])
def test_what_is_out_of_range_is_told(wrong):
    with pytest.raises(PlanError, match=next(iter(wrong))):
        MLPInit(**wrong)
