"""PyG as the oracle: the same parameters give the same values and the same gradients."""

from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.graph import TextGraph
from graphtune.layer import APPNP, GAT, GCN, GIN, SAGE, SGC, GATv2, attention
from laws import random_graph, with_unit_weights

pyg = pytest.importorskip("torch_geometric.nn")


@pytest.fixture(params=["loops", "no loops", "isolated nodes", "sparse"])
def graph(request: pytest.FixtureRequest) -> TextGraph:
    if request.param == "isolated nodes":
        some = random_graph(8, 30)
        return TextGraph.from_edges(some.source, some.target, some.weight, nodes=11)
    if request.param == "sparse":
        return random_graph(40, 30, seed=3)
    return random_graph(12, 50, loops=request.param == "loops")


def check(
    ours: nn.Module,
    theirs: nn.Module,
    names: Mapping[str, str],
    graph: TextGraph,
    forward: Callable[[Tensor, Tensor], Tensor],
) -> None:
    """Copy our parameters into theirs by ``names`` (theirs: ours); compare values and all gradients."""
    own, other = dict(ours.named_parameters()), dict(theirs.named_parameters())
    assert set(names) == set(other)
    assert set(names.values()) == set(own)
    torch.manual_seed(0)
    for parameter in own.values():
        nn.init.normal_(parameter)
    with torch.no_grad():
        for name, mine in names.items():
            other[name].copy_(own[mine].view_as(other[name]))
    x = torch.randn(graph.nodes, 5, dtype=torch.float64, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    actual, expected = ours(x, graph), forward(y, torch.stack([graph.source, graph.target]))
    torch.testing.assert_close(actual, expected)
    direction = torch.randn_like(actual)
    (actual * direction).sum().backward()
    (expected * direction).sum().backward()
    torch.testing.assert_close(x.grad, y.grad)
    for name, mine in names.items():
        torch.testing.assert_close(own[mine].grad.view_as(other[name]), other[name].grad)


def test_gcn(graph):
    theirs = pyg.GCNConv(5, 3).double()
    names = {"lin.weight": "weight.weight", "bias": "bias"}
    check(GCN(5, 3).double(), theirs, names, graph, lambda x, edges: theirs(x, edges, graph.weight))


def test_sgc(graph):
    theirs = pyg.SGConv(5, 3, K=3).double()
    names = {"lin.weight": "weight.weight", "lin.bias": "bias"}
    check(SGC(5, 3, hops=3).double(), theirs, names, graph, lambda x, edges: theirs(x, edges, graph.weight))


def test_appnp(graph):
    linear, walk = nn.Linear(5, 3).double(), pyg.APPNP(K=4, alpha=0.3)
    names = {"weight": "linear.weight", "bias": "linear.bias"}
    ours = APPNP(5, 3, hops=4, alpha=0.3).double()
    check(ours, linear, names, graph, lambda x, edges: walk(linear(x), edges, graph.weight))


def test_sage(graph):
    theirs = pyg.SAGEConv(5, 3).double()
    names = {"lin_l.weight": "near.weight", "lin_l.bias": "own.bias", "lin_r.weight": "own.weight"}
    check(SAGE(5, 3).double(), theirs, names, with_unit_weights(graph), theirs)


def test_sage_takes_the_weighted_mean():
    graph = TextGraph.from_edges(
        torch.tensor([0, 1]), torch.tensor([2, 2]), torch.tensor([1.0, 3.0]), nodes=3
    )
    layer = SAGE(1, 1)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    nn.init.ones_(layer.near.weight)
    out = layer(torch.tensor([[4.0], [8.0], [100.0]]), graph)
    assert out.flatten().tolist() == [0.0, 0.0, 7.0]


def test_gin(graph):
    mlp = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3))
    theirs = pyg.GINConv(mlp, train_eps=True).double()
    names = {
        "eps": "epsilon",
        "nn.0.weight": "first.weight",
        "nn.0.bias": "bias",
        "nn.2.weight": "second.weight",
        "nn.2.bias": "second.bias",
    }
    check(GIN(5, 3, hidden=6).double(), theirs, names, with_unit_weights(graph), theirs)


def test_settings_out_of_range():
    with pytest.raises(PlanError, match="hops = -1"):
        SGC(5, 3, hops=-1)
    with pytest.raises(PlanError, match=r"hops = 4, alpha = 1\.5"):
        APPNP(5, 3, hops=4, alpha=1.5)


def both(layer: type[nn.Module], other: type[nn.Module], concatenate: bool) -> tuple[nn.Module, nn.Module]:
    ours = layer(5, 6, heads=3, concatenate=concatenate).double()
    return ours, other(5, 2 if concatenate else 6, heads=3, concat=concatenate).double()


GAT_NAMES = {"lin.weight": "weight.weight", "att_src": "sent", "att_dst": "received", "bias": "bias"}
GATV2_NAMES = {
    "lin_l.weight": "sent.weight",
    "lin_l.bias": "sent.bias",
    "lin_r.weight": "received.weight",
    "lin_r.bias": "received.bias",
    "att": "attention",
    "bias": "bias",
}


@pytest.mark.parametrize("edges_in_a_block", [7, 1 << 20])
@pytest.mark.parametrize("concatenate", [True, False])
def test_gat(graph, concatenate, edges_in_a_block, monkeypatch):
    monkeypatch.setattr(attention, "_BLOCK_BYTES", edges_in_a_block * 3 * (2 if concatenate else 6) * 8)
    ours, theirs = both(GAT, pyg.GATConv, concatenate)
    check(ours, theirs, GAT_NAMES, graph, theirs)


@pytest.mark.parametrize("edges_in_a_block", [1, 7, 1 << 20])
@pytest.mark.parametrize("concatenate", [True, False])
def test_gatv2(graph, concatenate, edges_in_a_block, monkeypatch):
    monkeypatch.setattr(attention, "_BLOCK_BYTES", edges_in_a_block * 3 * (2 if concatenate else 6) * 8)
    ours, theirs = both(GATv2, pyg.GATv2Conv, concatenate)
    check(ours, theirs, GATV2_NAMES, graph, theirs)


@pytest.mark.parametrize("layer", [GAT, GATv2])
def test_attention_stands_extreme_scores(layer):
    graph, module = random_graph(9, 40).to(dtype=torch.float32), layer(5, 4)
    x = torch.full((9, 5), 1e4).requires_grad_()
    with torch.no_grad():
        x[::2] *= -1
    out = module(x, graph)
    out.sum().backward()
    assert torch.isfinite(out).all()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("layer", [GAT, GATv2])
def test_heads_must_share_the_outputs(layer):
    with pytest.raises(PlanError, match="6 outputs cannot be shared evenly by 4"):
        layer(5, 6, heads=4)
    assert layer(5, 6, heads=4, concatenate=False).bias.shape == (6,)
