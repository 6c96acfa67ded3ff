from collections.abc import Callable

import pytest
from torch import nn

from graphtune import layer as layers
from graphtune.layer import ALL, GraphLayer
from laws import INPUTS, LAWS, OUTPUTS


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("layer", ALL, ids=lambda layer: layer.__name__)
def test_law_holds(layer: type[nn.Module], law: Callable[[type[nn.Module]], None]):
    law(layer)


@pytest.mark.parametrize("layer", ALL, ids=lambda layer: layer.__name__)
def test_layer_keeps_the_protocol(layer: type[nn.Module]):
    assert isinstance(layer(INPUTS, OUTPUTS), GraphLayer)


def test_all_lists_every_exported_layer():
    exported = {getattr(layers, name) for name in layers.__all__} - {GraphLayer, ALL}
    assert exported == set(ALL)
