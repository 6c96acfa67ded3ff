"""A network over a graph that is too large to be read as a whole at every step."""

import numpy as np
import pytest
import torch
from corpus import setting

from graphtune.errors import PlanError
from graphtune.layer import APPNP, GAT, GCN, SAGE
from graphtune.plan import Plan
from graphtune.select import Network, trained
from graphtune.strategy import Full
from graphtune.train import Training

ROWS = np.arange(0, 45, 2)


@pytest.fixture
def trainings(monkeypatch) -> list[Training]:
    seen = []
    original = trained.train

    def watched(strategy, model, task, settings, **more):
        seen.append(settings)
        return original(strategy, model, task, settings, **more)

    monkeypatch.setattr(trained, "train", watched)
    return seen


def test_small_graphs_are_read_whole(trainings):
    data, _ = setting()
    Network(GCN, strategy=Full(epochs=2), width=16).fit(data, ROWS, seed=0)
    assert trainings == [Training(patience=15)]


@pytest.mark.parametrize("layer", [GCN, SAGE, GAT])
def test_a_graph_beyond_the_limit_is_sampled(trainings, layer):
    data, new = setting()
    edges = data.graphs["meaning"].graph.edges
    for limit, sampled in ((16 * edges, False), (16 * edges - 1, True)):
        candidate = Network(
            layer, strategy=Full(epochs=30), width=16, depth=3, whole_up_to=limit, fanouts=(3, 2)
        )
        fitted = candidate.fit(data, ROWS, seed=0)
        sampler = trainings[-1].sampler
        assert (sampler is not None) == sampled
        if sampler is not None:
            assert sampler.fanouts == (3, 2, 2)
            assert trainings[-1].batch_rows == 1024
        x = data.features.dense("meaning")
        with torch.inference_mode():
            logits = fitted.model.logits(x * x.shape[1] ** 0.5, data.graphs["meaning"].graph)
        found = fitted.at(data, np.arange(len(data.labels)))
        np.testing.assert_allclose(found, torch.softmax(logits, 1), atol=1e-5)
        assert (found.argmax(axis=1) == data.labels).mean() > 0.5
        assert fitted.attach(data, new).shape == (12, 3)


def test_layers_that_reach_far_are_not_sampled(trainings):
    data, _ = setting()
    Network(APPNP, strategy=Full(epochs=1), width=16, whole_up_to=0).fit(data, ROWS, seed=0)
    assert trainings[-1].sampler is None


def test_settings_come_back_from_a_plan_and_are_checked():
    plan = Plan(candidates=(Network(whole_up_to=5, fanouts=(7,)),))
    assert Plan.from_text(plan.to_text()) == plan
    with pytest.raises(PlanError, match="draw no neighbours"):
        Network(fanouts=(5, 0))
