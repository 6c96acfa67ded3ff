"""What the drawn starts draw."""

import math

import pytest
import torch
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.initial import Initial, Kaiming, Orthogonal, Xavier
from graphtune.layer import GAT, GIN, SAGE, GATv2
from graphtune.model import Model
from tasks import small_task

IN, OUT, CLASSES = 240, 160, 40


def drawn(initial: Initial, of: type[nn.Module], seed: int = 0) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Model([of(IN, OUT)], nn.Linear(OUT, CLASSES))
        list(initial.phases(model, small_task()))
    return model


def matrices(model: Model) -> list[Tensor]:
    return [one.weight.detach() for one in model.modules() if isinstance(one, nn.Linear)]


@pytest.mark.parametrize("of", [GAT, GATv2, GIN, SAGE])
def test_xavier_is_uniform_up_to_its_bound(of):
    found = matrices(drawn(Xavier(), of))
    assert len(found) == (2 if of is GAT else 3)
    for weight in found:
        bound = math.sqrt(6 / sum(weight.shape))
        assert weight.abs().max() <= bound
        assert weight.abs().max() > 0.99 * bound
        assert weight.var() == pytest.approx(2 / sum(weight.shape), rel=0.06)


@pytest.mark.parametrize("of", [GAT, GATv2, GIN, SAGE])
def test_kaiming_is_normal_with_2_over_the_inputs(of):
    for weight in matrices(drawn(Kaiming(), of)):
        assert weight.var() == pytest.approx(2 / weight.shape[1], rel=0.06)
        assert weight.abs().max() > 3 * math.sqrt(2 / weight.shape[1])  # no uniform draw comes so far


@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_orthogonal_keeps_lengths(gain):
    for weight in matrices(drawn(Orthogonal(gain), GIN)):
        short = weight if weight.shape[0] <= weight.shape[1] else weight.t()
        torch.testing.assert_close(short @ short.t(), gain**2 * torch.eye(len(short)), rtol=0, atol=1e-4)


@pytest.mark.parametrize("initial", [Xavier(), Kaiming(), Orthogonal()], ids=repr)
def test_attention_vectors_are_xaviers_maps_of_a_head_to_one_score(initial):
    vectors = torch.cat(
        [
            getattr(drawn(initial, GAT, seed).layers[0], name).detach()
            for name in ("sent", "received")
            for seed in range(9)
        ]
    )
    width = OUT // 4  # heads
    assert vectors.shape[1] == width
    assert vectors.abs().max() <= math.sqrt(6 / (width + 1))
    assert vectors.var() == pytest.approx(2 / (width + 1), rel=0.06)


@pytest.mark.parametrize("gain", [0.0, -1.0, math.nan])
def test_a_gain_that_is_none_is_told(gain):
    with pytest.raises(PlanError, match="gain"):
        Orthogonal(gain)
