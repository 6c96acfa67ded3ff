import pytest
import torch

from graphtune.errors import PlanError
from graphtune.graph import TextGraph
from graphtune.layer import GAT, GATv2

NODES = 400


@pytest.fixture
def whole():
    """A graph in which every node receives from every node."""
    every = torch.arange(NODES)
    source, target = every.repeat(NODES), every.repeat_interleave(NODES)
    return TextGraph.from_edges(source, target, torch.ones(NODES**2), nodes=NODES, texts=NODES)


@pytest.mark.parametrize("kind", [GAT, GATv2])
def test_attention_is_dropped_in_training_alone_and_keeps_its_mean(kind, whole):
    torch.manual_seed(0)
    plain, layer = kind(3, 8), kind(3, 8, dropout=0.6)
    layer.load_state_dict(plain.state_dict())
    x = torch.randn(NODES, 3)
    expected = plain(x, whole)
    torch.testing.assert_close(layer.eval()(x, whole), expected)
    # Equal rows: what a node receives is its value times the attention that was kept, all in all 1.
    same = x[:1].expand(NODES, 3)
    kept = layer.train()(same, whole) / plain(same, whole)
    assert kept.mean().item() == pytest.approx(1.0, abs=0.01)
    # Of 400 equal shares, each kept with a chance of 0.4: the spread of a binomial share.
    assert kept[:, ::2].std().item() == pytest.approx((0.6 / 0.4 / NODES) ** 0.5, rel=0.1)


@pytest.mark.parametrize("kind", [GAT, GATv2])
def test_no_dropout_leaves_training_as_it_was(kind, whole):
    torch.manual_seed(0)
    layer, x = kind(3, 8), torch.randn(NODES, 3)
    assert torch.equal(layer.train()(x, whole), layer.eval()(x, whole))


@pytest.mark.parametrize("kind", [GAT, GATv2])
@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_dropout_out_of_range(kind, share):
    with pytest.raises(PlanError, match="dropout"):
        kind(3, 8, dropout=share)
