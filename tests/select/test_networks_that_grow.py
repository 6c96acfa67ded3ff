"""Networks whose strategy adds modules: fitted, served, saved and restored."""

import numpy as np
import pytest
from corpus import setting

from graphtune.layer import APPNP, GAT, GCN
from graphtune.plan import Plan
from graphtune.select import Network, trained
from graphtune.strategy import GPF, AdapterGNN, BitFit, GPFPlus, GraphControl

ROWS = np.arange(0, 45, 2)
METHODS = [AdapterGNN(bottleneck=4, epochs=4), GPF(epochs=4), GPFPlus(epochs=4), GraphControl(epochs=4)]
every = pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)


@every
@pytest.mark.parametrize("layer", [GCN, GAT, APPNP])
def test_is_restored_from_its_tensors(method, layer):
    data, new = setting()
    candidate = Network(layer, width=16, strategy=method)
    fitted = candidate.fit(data, ROWS, seed=0)
    again = candidate.restored(setting()[0], fitted.tensors())
    assert np.array_equal(again.attach(data, new), fitted.attach(data, new))
    assert fitted.learned < again.learned


@every
def test_a_sample_reaches_as_far_as_what_is_added(method, monkeypatch):
    seen, original = [], trained.train

    def watched(strategy, model, task, settings, **more):
        seen.append(settings.sampler.fanouts)
        return original(strategy, model, task, settings, **more)

    monkeypatch.setattr(trained, "train", watched)
    data, _ = setting()
    candidate = Network(GCN, width=16, strategy=method, whole_up_to=0, fanouts=(6, 4))
    fitted = candidate.fit(data, ROWS, seed=0)
    assert seen == [(6, 4, 4) if isinstance(method, GraphControl) else (6, 4)]
    whole = Network(GCN, width=16, strategy=method).restored(data, fitted.tensors())
    assert fitted.at(data, ROWS).shape == (len(ROWS), 3)
    assert whole.model.hops == fitted.model.hops == len(seen[0])


@every
def test_settings_come_back_from_a_plan(method):
    plan = Plan(candidates=(Network(strategy=method),))
    assert Plan.from_text(plan.to_text()) == plan


def test_strategies_that_add_nothing_are_restored_as_before():
    data, new = setting()
    candidate = Network(GCN, width=16, strategy=BitFit(epochs=2))
    fitted = candidate.fit(data, ROWS, seed=0)
    again = candidate.restored(data, fitted.tensors())
    assert np.array_equal(again.attach(data, new), fitted.attach(data, new))
