import math

import pytest
import torch
from small_models import TwoBlocks, small
from torch import nn

from graphtune.structure import WEIGHT_COLUMNS, Assembled, read, weight_columns
from graphtune.structure.weights import spectral_norm


def test_columns_of_a_map_are_those_of_a_decomposition():
    torch.manual_seed(1)
    model = TwoBlocks()
    graph = read(model, 4)
    columns = weight_columns(model, graph)
    at = graph.positions["blocks.0.widen"]
    weight = model.blocks[0].widen.weight.detach().double()
    values = torch.linalg.svdvals(weight)
    deviation = weight.std(unbiased=False)
    expected = {
        "Frobenius norm per parameter": weight.norm() / math.sqrt(32),
        "spectral norm": values[0],
        "stable rank": (values**2).sum() / values[0] ** 2,
        "kurtosis": ((weight - weight.mean()) ** 4).mean() / deviation**4,
        "largest over deviation": weight.abs().max() / deviation,
        "share near zero": (weight.abs() < deviation / 100).double().mean(),
    }
    assert tuple(columns) == WEIGHT_COLUMNS
    for name, value in expected.items():
        assert columns[name][at] == pytest.approx(float(value), rel=1e-3), name


def test_a_norm_is_a_diagonal_map_and_equal_weights_have_no_spread():
    model = TwoBlocks()
    with torch.no_grad():
        model.blocks[0].norm.weight.copy_(torch.tensor([2.0, -4.0, 0.0, 0.0]))
    graph = read(model, 4)
    columns = weight_columns(model, graph)
    first, second = graph.positions["blocks.0.norm"], graph.positions["blocks.1.norm"]
    assert columns["spectral norm"][first] == 4.0
    assert columns["stable rank"][first] == pytest.approx(20 / 16)
    assert columns["share near zero"][first] == 0.5
    assert columns["stable rank"][second] == 4.0
    assert math.isnan(columns["kurtosis"][second])


def test_a_pooling_has_no_weights():
    model = Assembled(small("Bert"), "cls", head=nn.Linear(32, 2))
    graph = read(model, 8)
    columns = weight_columns(model, graph)
    assert all(math.isnan(columns[name][graph.positions["pooling"]]) for name in WEIGHT_COLUMNS)
    assert all(math.isfinite(columns["spectral norm"][graph.positions[name]]) for name in ("head",))


@pytest.mark.parametrize("shape", [(40, 7), (7, 40), (1, 5), (5, 1), (64, 64)])
def test_largest_singular_value(shape):
    torch.manual_seed(2)
    matrix = torch.randn(shape)
    assert spectral_norm(matrix) == pytest.approx(float(torch.linalg.matrix_norm(matrix, 2)), rel=2e-3)
    assert spectral_norm(torch.zeros(shape)) == 0.0
