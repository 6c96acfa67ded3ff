"""Networks beside an encoder: their formulas by hand, and the same scores however they are worked out."""

import pytest
import torch
from torch import nn

from graphtune.errors import PlanError
from graphtune.graph import TextGraph, propagate
from graphtune.layer import ALL, GCN, SAGE
from graphtune.model import AdapterRung, Batch, LadderRung, SideNetwork
from laws import random_graph

BLOCKS, WIDTH, NARROW = 3, 6, 4


def ladder(layer: type[nn.Module] = GCN, *, dropout: float = 0.0) -> SideNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        rungs = [
            LadderRung(layer(NARROW, NARROW), WIDTH, NARROW, lowest=not number) for number in range(BLOCKS)
        ]
        model = SideNetwork(rungs, 3, exits=True, dropout=dropout).double().eval()
        for rung in model.rungs[1:]:
            nn.init.normal_(rung.share, std=0.1)
    return model


def adapters(layer: type[nn.Module] = GCN, *, started: bool = True) -> SideNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        rungs = [AdapterRung(layer(NARROW, NARROW), WIDTH, NARROW) for _ in range(BLOCKS)]
        model = SideNetwork(rungs, 3, exits=False, dropout=0.0).double().eval()
        for rung in model.rungs if started else ():
            nn.init.normal_(rung.up.weight)
    return model


def rows(nodes: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(nodes, BLOCKS * WIDTH, generator=generator, dtype=torch.float64)


def batch(x: torch.Tensor, graph: TextGraph, among: torch.Tensor | None = None) -> Batch:
    chosen = torch.arange(len(x)) if among is None else among
    return Batch(x, graph, chosen, torch.zeros(len(chosen), dtype=torch.int64))


def test_a_ladder_is_the_papers_formula_by_hand():
    model, graph, x = ladder(), random_graph(20, 60), rows(20)
    found = model.every(batch(x, graph))
    normal, state = graph.with_loops().normalised(), None
    for number, rung in enumerate(model.rungs):
        own = x[:, number * WIDTH : (number + 1) * WIDTH] @ rung.project.weight.T + rung.project.bias
        if state is not None:
            share = 1 / (1 + torch.exp(-rung.share / 0.1))
            own = share * own + (1 - share) * state
        state = (propagate(normal, own @ rung.layer.weight.weight.T) + rung.layer.bias).clamp(min=0)
        head = [*model.exits, model.head][number]
        torch.testing.assert_close(found[number], state @ head.weight.T + head.bias)


def test_adapters_are_their_formula_by_hand():
    model, graph, x = adapters(), random_graph(20, 60), rows(20)
    normal, added = graph.with_loops().normalised(), torch.zeros(20, WIDTH, dtype=torch.float64)
    for number, rung in enumerate(model.rungs):
        own = x[:, number * WIDTH : (number + 1) * WIDTH]
        low = (own + added) @ rung.down.weight.T + rung.down.bias
        out = (propagate(normal, low @ rung.layer.weight.weight.T) + rung.layer.bias).clamp(min=0)
        added = added + out @ rung.up.weight.T + rung.up.bias
    expected = (x[:, -WIDTH:] + added) @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(batch(x, graph)), expected)


def test_adapters_start_as_the_frozen_rows_under_the_head():
    model, graph, x = adapters(started=False), random_graph(20, 60), rows(20)
    assert torch.equal(model(batch(x, graph)), model.head(x[:, -WIDTH:]))
    loss = model(batch(x, graph)).pow(2).sum()
    loss.backward()
    assert all(rung.up.weight.grad.abs().sum() > 0 for rung in model.rungs)


@pytest.mark.parametrize("made", [ladder, adapters])
@pytest.mark.parametrize("layer", ALL, ids=lambda layer: layer.__name__)
@pytest.mark.parametrize("block_bytes", [0, 1 << 28])
def test_in_blocks_and_for_some_rows_it_is_the_same(made, layer, block_bytes):
    graph, x, model = random_graph(60, 90), rows(60), made(layer)
    expected = model(batch(x, graph))
    sent = []
    every = model.every_in_blocks(x, graph, block_bytes=block_bytes, sent=sent)
    torch.testing.assert_close(every[-1], expected, rtol=0, atol=1e-10)
    assert [tuple(one.shape) for one in sent] == [(60, NARROW)] * BLOCKS
    some = torch.tensor([40, 3, 3])
    found = model.logits_in_blocks(x, graph, some, block_bytes=block_bytes)
    torch.testing.assert_close(found, expected[some], rtol=0, atol=1e-10)
    assert not found.requires_grad
    torch.testing.assert_close(model(batch(x, graph, some)), expected[some])


@pytest.mark.parametrize("made", [ladder, adapters])
def test_depends_on_no_node_beyond_its_hops(made):
    step = torch.arange(9)
    graph = TextGraph.from_edges(step, step + 1, nodes=10).to(dtype=torch.float64)
    model, x = made(SAGE), rows(10).requires_grad_()
    assert model.hops == BLOCKS
    (gradient,) = torch.autograd.grad(model(batch(x, graph))[-1].pow(2).sum(), x)
    assert (gradient.abs().sum(1) > 0).nonzero().flatten().tolist() == [6, 7, 8, 9]


def test_every_parameter_but_the_heads_is_the_bodys():
    for model in (ladder(), adapters()):
        whole = {id(p) for p in model.parameters()}
        body = {id(p) for p in model.body}
        assert body < whole
        assert whole - body == {id(p) for p in model.head.parameters()}


def test_dropout_is_for_training_alone():
    model, graph, x = ladder(dropout=0.5), random_graph(20, 60), rows(20)
    assert torch.equal(model(batch(x, graph)), model(batch(x, graph)))
    model.train()
    assert not torch.equal(model(batch(x, graph)), model(batch(x, graph)))


def test_what_cannot_be_is_refused():
    with pytest.raises(PlanError, match="no block"):
        SideNetwork([], 3, exits=True, dropout=0.0)
    with pytest.raises(PlanError, match="dropout"):
        SideNetwork([AdapterRung(GCN(4, 4), 6, 4)], 3, exits=False, dropout=1.0)
