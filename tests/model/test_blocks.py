"""Scores worked out in blocks of rows are those of the whole, whatever the layer."""

import pytest
import torch
from torch import nn

from graphtune.graph import TextGraph, row_blocks
from graphtune.layer import ALL, GCN
from graphtune.model import Model
from graphtune.model import graph as models
from laws import features, random_graph

each_layer = pytest.mark.parametrize("layer", ALL, ids=lambda layer: layer.__name__)


def network(layer: type[nn.Module], depth: int = 2) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = [layer(5 if number == 0 else 8, 8) for number in range(depth)]
        model = Model(layers, nn.Linear(8, 3)).double().eval()
        for parameter in model.parameters():
            if parameter.dim() == 1:
                nn.init.normal_(parameter)
    return model


@each_layer
@pytest.mark.parametrize("loops", [False, True], ids=["plain", "loops"])
@pytest.mark.parametrize("block_bytes", [0, 4000, 1 << 28])
def test_equals_the_whole(layer, loops, block_bytes):
    some = random_graph(50, 300, loops=loops)
    graph = TextGraph.from_edges(some.source, some.target, some.weight, nodes=53)  # 3 are isolated
    x, model = features(53), network(layer)
    expected = model.logits(x, graph)
    torch.testing.assert_close(
        model.logits_in_blocks(x, graph, block_bytes=block_bytes), expected, rtol=0, atol=1e-10
    )
    narrow = model.float().logits_in_blocks(x.float(), graph.to(dtype=torch.float32), block_bytes=block_bytes)
    torch.testing.assert_close(
        narrow, model.logits(x.float(), graph.to(dtype=torch.float32)), rtol=0, atol=1e-5
    )


@each_layer
def test_no_nodes_and_no_edges(layer):
    model = network(layer)
    for nodes in (0, 4):
        graph, x = TextGraph.empty(nodes).to(dtype=torch.float64), features(nodes)
        assert model.logits_in_blocks(x, graph, block_bytes=1).shape == (nodes, 3)
        torch.testing.assert_close(model.logits_in_blocks(x, graph, block_bytes=1), model.logits(x, graph))


@each_layer
@pytest.mark.parametrize("block_bytes", [0, 4000, 1 << 28])
def test_some_rows_are_scored_as_among_all(layer, block_bytes):
    graph, x, model = random_graph(200, 300), features(200), network(layer)
    rows = torch.tensor([150, 3, 3, 77])
    found = model.logits_in_blocks(x, graph, rows, block_bytes=block_bytes)
    torch.testing.assert_close(found, model.logits(x, graph)[rows], rtol=0, atol=1e-10)
    assert model.logits_in_blocks(x, graph, rows[:0]).shape == (0, 3)


def test_some_rows_read_no_more_than_they_depend_on(monkeypatch):
    graph, x, model = random_graph(200, 300), features(200), network(GCN)
    rows, seen = torch.tensor([150, 3]), []
    original = models.received
    monkeypatch.setattr(models, "received", lambda g, some: seen.append(some) or original(g, some))
    model.logits_in_blocks(x, graph, rows)
    assert [some.tolist() for some in seen] == [graph.reach(rows, 1).tolist(), [3, 150]]


def test_without_layers_it_is_the_head():
    model, x = Model([], nn.Linear(5, 3)).double().eval(), features(6)
    torch.testing.assert_close(model.logits_in_blocks(x, random_graph(6, 9)), model.head(x))


@pytest.mark.parametrize("most", [0, 1, 12, 40, 10_000])
def test_blocks_cover_every_row_once_within_the_limit(most):
    graph = random_graph(50, 300)
    blocks = list(row_blocks(graph, torch.arange(50), most))
    assert torch.equal(torch.cat(blocks), torch.arange(50))
    for rows in blocks:
        held = len(rows) + int(graph.crow.diff()[rows].sum())
        assert held <= most or len(rows) == 1
    # No two that follow each other would have fitted into one.
    sizes = [len(rows) + int(graph.crow.diff()[rows].sum()) for rows in blocks]
    assert all(
        one + int(graph.crow.diff()[rows[0]]) + 1 > most for one, rows in zip(sizes, blocks[1:], strict=False)
    )


def test_a_layer_sees_no_more_than_its_block_reads(monkeypatch):
    graph, x, model = random_graph(50, 300), features(50), network(GCN)
    seen = []
    original = models.received
    monkeypatch.setattr(models, "received", lambda g, rows: seen.append(original(g, rows)) or seen[-1])
    model.logits_in_blocks(x, graph, block_bytes=128 * 30)
    assert len(seen) > 20
    assert max(part.graph.nodes for part in seen) <= 30
    assert max(part.graph.edges for part in seen) <= 30
    # All features are no larger than a block: only edges decide.
    seen.clear()
    model.logits_in_blocks(x, graph, block_bytes=128 * 350)
    assert len(seen) == 2


def test_dropout_and_gradients_are_off():
    model, x = network(GCN).train(), features(50)
    graph = random_graph(50, 300)
    scores = model.logits_in_blocks(x, graph)
    assert not scores.requires_grad
    torch.testing.assert_close(scores, model.eval().logits(x, graph))
