"""A network is restored whatever its strategy left in it, and tuned by each on samples too."""

from dataclasses import replace

import numpy as np
import pytest
from corpus import setting

from graphtune import strategy
from graphtune.layer import GAT
from graphtune.select import Network
from graphtune.strategy import StochNorm

ROWS = np.arange(0, 45, 2)
every = pytest.mark.parametrize("method", strategy.ALL, ids=lambda method: method.__name__)


@every
def test_restored_it_says_the_same(method):
    data, new = setting()
    candidate = Network(strategy=replace(method(), epochs=2), width=8)
    fitted = candidate.fit(data, ROWS, seed=0)
    again = candidate.restored(data, fitted.tensors())
    assert np.array_equal(again.attach(data, new), fitted.attach(data, new))
    assert again.tensors().keys() == fitted.tensors().keys()


@every
def test_each_tunes_on_samples(method):
    data, new = setting()
    candidate = Network(GAT, strategy=replace(method(), epochs=2), width=8, whole_up_to=1, fanouts=(3, 2))
    found = candidate.fit(data, ROWS, seed=0).attach(data, new)
    np.testing.assert_allclose(found.sum(1), 1.0, rtol=1e-5)


def test_modules_of_a_strategy_are_among_what_is_saved():
    data, _ = setting()
    fitted = Network(strategy=StochNorm(epochs=1), width=8, depth=1).fit(data, ROWS, seed=0)
    own = {name for name in fitted.tensors() if "layers.0." in name}
    assert own >= {f"layers.0.{name}" for name in ("scale", "shift", "mean", "variance")}
