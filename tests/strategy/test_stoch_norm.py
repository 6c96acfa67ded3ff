"""Normalisations that are put into a network: against torch's own, and what they leave unchanged."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from graphtune.graph import TextGraph
from graphtune.layer import APPNP, GAT, GCN, SAGE
from graphtune.model import Model
from graphtune.strategy import StochNorm
from graphtune.strategy.stoch_norm import Normalised
from graphtune.train import Training, train
from laws import features, random_graph
from tasks import same, small_task, weights

GRAPH, X = random_graph(9, 25), features(9)


def deep_model(layer=GCN) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Model([layer(a, b) for a, b in pairwise([8, 4, 4])], nn.Linear(4, 3), dropout=0.3).eval()


def normalised(chance: float, momentum: float = 0.1) -> tuple[Normalised, nn.BatchNorm1d]:
    """One of ours behind a layer, and torch's own, with scales, shifts and statistics alike."""
    torch.manual_seed(0)
    ours = Normalised(GCN(5, 4), 4, chance, momentum).double()
    theirs = nn.BatchNorm1d(4, momentum=momentum).double()
    with torch.no_grad():
        for own, other in (
            (ours.scale, theirs.weight),
            (ours.shift, theirs.bias),
            (ours.mean, theirs.running_mean),
            (ours.variance, theirs.running_var),
        ):
            own.copy_(torch.rand(4) + 0.5)
            other.copy_(own)
    return ours, theirs


@pytest.mark.parametrize("learning", [True, False])
def test_with_chance_1_it_is_batch_normalisation(learning):
    ours, theirs = normalised(1.0)
    ours.train(learning)
    theirs.train(learning)
    x = X.clone().requires_grad_()
    found, expected = ours(x, GRAPH), theirs(ours.layer(x, GRAPH))
    torch.testing.assert_close(found, expected)
    (own,), (other,) = (torch.autograd.grad(y.pow(3).sum(), x) for y in (found, expected))
    torch.testing.assert_close(own, other)
    torch.testing.assert_close(ours.mean, theirs.running_mean)
    torch.testing.assert_close(ours.variance, theirs.running_var)


def test_with_chance_0_moving_statistics_alone_are_used_and_they_move():
    ours, theirs = normalised(0.0)
    found = ours.train()(X, GRAPH)
    torch.testing.assert_close(found, theirs.eval()(ours.layer(X, GRAPH)))
    theirs.train()(ours.layer(X, GRAPH))
    torch.testing.assert_close(ours.mean, theirs.running_mean)
    torch.testing.assert_close(ours.variance, theirs.running_var)


def test_each_feature_takes_the_one_or_the_other():
    taken = torch.zeros(4)
    torch.manual_seed(1)
    for _ in range(200):
        ours, theirs = normalised_again()
        y = ours.layer(X, GRAPH)
        moving, batch = theirs.eval()(y), theirs.train()(y)
        found = ours.train()(X, GRAPH)
        own = torch.isclose(found, batch).all(0)
        assert torch.equal(own, ~torch.isclose(found, moving).all(0))
        taken += own
    assert ((taken / 200 - 0.25).abs() < 0.12).all()


def normalised_again() -> tuple[Normalised, nn.BatchNorm1d]:
    with torch.random.fork_rng():
        return normalised(0.25)


@pytest.mark.parametrize("layer", [GCN, SAGE, GAT, APPNP])
def test_scores_are_the_same_at_the_start_to_the_bit(layer):
    task, model = small_task(), deep_model(layer)
    before = model.logits(task.features, task.graph)
    next(StochNorm().phases(model, task))
    assert torch.equal(model.logits(task.features, task.graph), before)
    assert all(isinstance(one, Normalised) and not one.training for one in model.layers)
    y = model.layers[0].layer(task.features, task.graph)
    torch.testing.assert_close(model.layers[0].mean, y.mean(0))
    torch.testing.assert_close(model.layers[0].variance, y.var(0))
    assert model.hops == deep_model(layer).hops


def test_a_network_made_anew_takes_up_what_was_saved():
    task, model = small_task(), deep_model()
    method = StochNorm(epochs=4)
    history = train(method, model, task, Training(batch_rows=10, patience=None), seed=0)
    body = (8 * 4 + 4) + (4 * 4 + 4)
    assert history.phases[0].learned == body + (4 * 3 + 3) + 2 * (4 + 4)
    fresh = deep_model()
    method.grown(fresh, 8)
    assert not same(weights(fresh), weights(model))
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh.logits(task.features, task.graph), model.logits(task.features, task.graph))


def test_blocks_of_rows_give_what_the_whole_gives():
    task, model = small_task(), deep_model()
    train(StochNorm(epochs=2), model, task, Training(patience=None), seed=0)
    whole = model.logits(task.features, task.graph)
    found = model.logits_in_blocks(task.features, task.graph, block_bytes=600)
    torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-5)


def test_one_node_alone_is_normalised_to_its_shift():
    ours, _ = normalised(1.0)
    found = ours.train()(X[:1], TextGraph.empty(1).to(dtype=torch.float64))
    torch.testing.assert_close(found, ours.shift[None])
    assert ours.variance.isfinite().all()
