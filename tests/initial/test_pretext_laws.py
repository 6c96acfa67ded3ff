"""What holds for every objective that a network is pre-trained by."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from graphtune.errors import PlanError
from graphtune.graph import Sampler, TextGraph
from graphtune.initial import DGI, GAE, VGAE, GraphCL, GraphMAE, Initial, MaskedEdges, Masking
from graphtune.initial.pretext import unlabelled
from graphtune.layer import GCN
from graphtune.model import Model
from graphtune.strategy import Full
from graphtune.strategy.started import Started
from graphtune.train import Training, train
from tasks import KilledError, Mortal, Watched, same, small_model, small_task, the_seed_decides, weights

SETTINGS = Training(patience=1, checkpoint_seconds=0.0)
LAYER = 8 * 5 + 5  # numbers in the layer of the small model
OWN = {
    "DGI": 5 * 5,
    "GAE": 5 * 16,
    "VGAE": 2 * (5 * 16 + 16),
    "GraphCL": 2 * (5 * 5 + 5),
    "GraphMAE": 8 + 5 * 5 + 5 + 5 * 8 + 8,
    "Masking": 8 + 5 * 8 + 8,
    "MaskedEdges": 5 + 1,
}
every = pytest.mark.parametrize(
    "objective",
    [cls(epochs=4) for cls in (DGI, GAE, VGAE, GraphCL, GraphMAE, Masking, MaskedEdges)],
    ids=lambda one: type(one).__name__,
)


@every
def test_exactly_the_layers_and_what_is_its_own_move(objective):
    task = small_task()
    watched = Watched(objective, [], [])
    history = train(watched, small_model(task), task, SETTINGS, seed=0)
    assert watched.moved == watched.declared
    assert not any(name.startswith("head.") for name in watched.declared[0])
    assert [phase.learned for phase in history.phases] == [LAYER + OWN[type(objective).__name__]]


@every
def test_the_model_is_left_as_it_was_made_but_for_its_layers(objective):
    task = small_task()
    model, before = small_model(task), weights(small_model(task))
    train(objective, model, task, SETTINGS, seed=0)
    after = weights(model)
    assert after.keys() == before.keys()
    assert model.dropout == 0.3
    assert torch.equal(after["head.weight"], before["head.weight"])
    assert not torch.equal(after["layers.0.map.weight"], before["layers.0.map.weight"])


@every
def test_an_interrupted_phase_leaves_nothing_behind(objective):
    task = small_task()
    model = small_model(task)
    with pytest.raises(KilledError):
        train(Mortal(objective, 2), model, task, SETTINGS, seed=0)
    assert model.state_dict().keys() == small_model(task).state_dict().keys()
    assert model.dropout == 0.3


@every
def test_neither_labels_nor_which_rows_have_them_matter(objective):
    def result(task):
        model = small_model(task)
        train(objective, model, task, SETTINGS, seed=0)
        return weights(model)

    task = small_task()
    other = replace(
        task, labels=(task.labels + 1) % 3, train=task.train[:3], val=task.train[3:5], weights=torch.rand(60)
    )
    assert same(result(task), result(other))


@every
def test_validation_does_not_end_it(objective):
    task = small_task()
    history = train(replace(objective, epochs=12), small_model(task), task, SETTINGS, seed=0)
    (phase,) = history.phases
    assert (len(phase.epochs), phase.best, phase.stopped) == (12, None, "epochs")
    assert all(epoch.val_loss is None for epoch in phase.epochs)


@every
def test_deterministic_by_seed(objective):
    the_seed_decides(objective, SETTINGS)


@every
def test_resumes_bit_for_bit_inside_and_after_it(objective, tmp_path):
    task = small_task()
    method = Started(objective, Full(epochs=4))
    whole = small_model(task)
    history = train(method, whole, task, SETTINGS, seed=0)
    for losses in (3, 6):
        into = tmp_path / str(losses)
        with pytest.raises(KilledError):
            train(Mortal(method, losses), small_model(task), task, SETTINGS, seed=0, into=into)
        resumed = small_model(task)
        again = train(method, resumed, task, SETTINGS, seed=0, into=into, resume=True)
        assert same(weights(whole), weights(resumed))
        assert history == again


@every
def test_lowers_its_loss(objective):
    task = small_task()
    history = train(replace(objective, epochs=40, rate=0.02), small_model(task), task, SETTINGS, seed=0)
    losses = [epoch.loss for epoch in history.epochs]
    assert sum(losses[-8:]) < 0.97 * sum(losses[:8])


@every
@pytest.mark.parametrize("case", ["no edges", "loops only", "isolated nodes", "all joined", "one node"])
def test_odd_graphs_leave_finite_weights(objective, case):
    task = small_task(nodes=60)
    nodes = torch.arange(60)
    pairs = torch.cartesian_prod(nodes, nodes)
    few = pairs[:100]
    edges = {"no edges": pairs[:0], "isolated nodes": few, "all joined": pairs}
    if case == "one node":
        task = replace(task, features=task.features[:1], graph=TextGraph.empty(1), labels=task.labels[:1])
        task = replace(task, train=task.train[:1], val=task.val[:0])
    else:
        one, other = edges.get(case, torch.stack([nodes, nodes], dim=1)).t()
        task = replace(task, graph=TextGraph.from_edges(one, other, nodes=60))
    model = small_model(task)
    history = train(objective, model, task, SETTINGS, seed=0)
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())
    assert len(history.epochs) == 4


@every
def test_features_of_zeros_leave_finite_weights(objective):
    task = small_task()
    task = replace(task, features=torch.zeros_like(task.features))
    model = small_model(task)
    train(objective, model, task, SETTINGS, seed=0)
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())


@every
def test_learns_from_samples_of_a_graph(objective):
    class Near(nn.Module):
        hops = 1

        def __init__(self) -> None:
            super().__init__()
            self.inside = GCN(8, 5)

        def forward(self, x, graph):
            return self.inside(x, graph)

    task = small_task()
    model = Model([Near()], nn.Linear(5, 3))
    before = weights(model)
    settings = Training(batch_rows=20, sampler=Sampler((3,)))
    history = train(objective, model, task, settings, seed=0)
    assert len(history.epochs) == 4
    assert not torch.equal(before["layers.0.inside.weight.weight"], model.layers[0].inside.weight.weight)


@every
def test_a_network_without_layers_is_refused(objective):
    task = small_task()
    with pytest.raises(PlanError, match="has none") as error:
        train(objective, small_model(task, layers=False), task, SETTINGS, seed=0)
    assert "depth" in error.value.fix


@every
def test_gradients_are_those_of_finite_differences(objective):
    task = small_task(nodes=40)
    task = replace(task, features=task.features.double(), graph=task.graph.to(dtype=torch.float64))
    torch.manual_seed(0)
    model = small_model(task).double()
    walk = objective.phases(model, task)
    phase = next(walk)
    batch = phase.task.batch(phase.task.train)
    parameters = [p for group in phase.groups for p in group.parameters]
    # Away from the zeros that masks and biases start with.
    with torch.no_grad():
        for parameter in parameters:
            parameter += 0.1 * torch.randn_like(parameter)

    def value() -> torch.Tensor:
        torch.manual_seed(1)
        return phase.loss(batch)

    gradients = torch.autograd.grad(value(), parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        way, step = torch.randn_like(parameter), 1e-6
        with torch.no_grad():
            parameter += step * way
            above = value()
            parameter -= 2 * step * way
            below = value()
            parameter += step * way
        torch.testing.assert_close((above - below) / (2 * step), (gradient * way).sum(), rtol=1e-4, atol=1e-6)
    walk.close()


def test_every_text_is_trained_on_and_no_label_is_there():
    task = small_task()
    graph = TextGraph.from_edges(task.graph.source, task.graph.target, nodes=60, texts=50)
    bare = unlabelled(replace(task, graph=graph, weights=torch.ones(60), targets=torch.ones(60, 3)))
    assert torch.equal(bare.train, torch.arange(50))
    assert bool((bare.labels == -1).all())
    assert (len(bare.val), bare.weights, bare.targets) == (0, None, None)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: GraphMAE(share=1.0), "share = 1.0"),
        (lambda: GraphMAE(power=0.5), "power = 0.5"),
        (lambda: GraphMAE(power=float("nan")), "power = nan"),
        (lambda: Masking(share=-0.1), "share = -0.1"),
        (lambda: MaskedEdges(share=1.0), "MaskedEdges.share = 1.0"),
        (lambda: GraphCL(edges=1.5), "edges = 1.5"),
        (lambda: GraphCL(features=1.0), "features = 1.0"),
        (lambda: GraphCL(temperature=0.0), "temperature = 0.0"),
        (lambda: GraphCL(rows=1), "rows = 1"),
        (lambda: GAE(latent=0), "latent = 0"),
        (lambda: VGAE(latent=-3), "latent = -3"),
    ],
)
def test_values_out_of_range_are_refused(made, said):
    with pytest.raises(PlanError, match=said) as error:
        made()
    assert error.value.fix


def test_they_are_initialisations():
    assert all(
        isinstance(kind(), Initial) for kind in (DGI, GAE, VGAE, GraphCL, GraphMAE, Masking, MaskedEdges)
    )
