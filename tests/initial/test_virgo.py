"""Virgo keeps the mean square of what goes from layer to layer."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from graphtune import layer
from graphtune.graph import TextGraph
from graphtune.initial import Initial, Virgo, Xavier, virgo
from graphtune.layer import GCN, GIN
from graphtune.model import Model, Task
from tasks import small_task

NODES, INPUTS, WIDTH, DEPTH = 300, 20, 16, 6


def task(*, shift: float = 0.0) -> Task:
    """A random graph with about 8 neighbours a node; what ``shift`` adds makes neighbours alike."""
    generator = torch.Generator().manual_seed(0)
    ends = torch.randint(NODES, (2, 4 * NODES), generator=generator)
    source, target = torch.cat([ends, ends.flip(0)], 1)
    x = torch.randn(NODES, INPUTS, generator=generator) + shift
    graph = TextGraph.from_edges(source, target, nodes=NODES)
    return replace(small_task(), features=x, graph=graph, labels=torch.zeros(NODES, dtype=torch.int64))


def squares(initial: Initial, of: type[nn.Module], given: Task) -> list[float]:
    """The mean square of the features, behind each layer and of the scores."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = [of(INPUTS if at == 0 else WIDTH, WIDTH) for at in range(DEPTH)]
        model = Model(layers, nn.Linear(WIDTH, 500))
        list(initial.phases(model, given))
    x, found = given.features, []
    with torch.no_grad():
        for one in model.layers:
            x = torch.relu(one(x, given.graph))
            found.append(square(x))
        return [square(given.features), *found, square(model.head(x))]


def square(x: Tensor) -> float:
    return float(x.square().mean())


@pytest.mark.parametrize("shift", [0.0, 0.7])
@pytest.mark.parametrize("of", layer.ALL)
def test_keeps_the_variance_over_several_layers_where_xavier_does_not(of, shift):
    given = task(shift=shift)
    first, *kept, scores = squares(Virgo(), of, given)
    assert kept == pytest.approx([first] * DEPTH, rel=0.01)
    assert scores == pytest.approx(first, rel=0.5)  # as its weights are not scaled to what comes in
    _, *lost, _ = squares(Xavier(), of, given)
    assert not first / 1.3 < lost[-1] < 1.3 * first


def test_the_variance_of_weights_is_2_over_the_inputs_times_the_ratio_that_scipy_finds():
    given, width = task(), 4000
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Model([GCN(INPUTS, width)], nn.Linear(width, 3))
        list(Virgo().phases(model, given))
    spread = given.graph.with_loops().normalised().scipy() @ given.features.numpy()
    ratio = square(given.features) / float((spread**2).mean())
    weight = model.layers[0].weight.weight.detach()
    assert float(weight.var()) == pytest.approx(2 / INPUTS * ratio, rel=0.05)
    # For neighbours that have nothing to do with one another it is the graph's alone.
    alone = 1 / float((given.graph.with_loops().normalised().weight ** 2).sum() / NODES)
    assert ratio == pytest.approx(alone, rel=0.1)
    assert float(model.head.weight.detach().var()) == pytest.approx(1 / width, rel=0.05)


def test_an_unusual_weight_of_edges_changes_the_weights_of_sums_alone():
    given = task()
    double = replace(given, graph=replace(given.graph, weight=2 * given.graph.weight))
    _, *kept, _ = squares(Virgo(), GIN, double)
    assert kept == pytest.approx([square(given.features)] * DEPTH, rel=0.01)


def test_what_is_zero_stays_finite():
    given = replace(task(), features=torch.zeros(NODES, INPUTS))
    model = Model([GCN(INPUTS, WIDTH)], nn.Linear(WIDTH, 3))
    list(Virgo().phases(model, given))
    weight = model.layers[0].weight.weight.detach()
    assert torch.isfinite(weight).all()
    assert float(weight.var()) == pytest.approx(2 / INPUTS, rel=0.3)


def test_a_graph_read_in_blocks_gives_the_same_start(monkeypatch):
    given = task(shift=0.7)
    whole = squares(Virgo(), GCN, given)
    monkeypatch.setattr(virgo, "BLOCK_BYTES", 1 << 14)
    assert squares(Virgo(), GCN, given) == pytest.approx(whole, rel=1e-4)
