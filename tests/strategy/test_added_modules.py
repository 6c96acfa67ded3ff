"""What strategies add to a network: by hand, without a change at first, within the layers' hops."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from graphtune.errors import PlanError
from graphtune.graph import propagate
from graphtune.layer import ALL, APPNP, GCN, GIN, SGC
from graphtune.model import Layered, Model, Task
from graphtune.strategy import GPF, AdapterGNN, GPFPlus, GraphControl, Growing
from graphtune.strategy.adapter_gnn import Adapted, Adapter
from graphtune.strategy.gpf import Prompted
from graphtune.strategy.gpf_plus import MixedPrompt
from graphtune.strategy.graph_control import Controlled
from graphtune.train import Training, train
from laws import INPUTS, LAWS, OUTPUTS
from tasks import small_model, small_task, weights

METHODS = [AdapterGNN(bottleneck=3), GPF(), GPFPlus(k=2), GraphControl()]
every = pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
SETTINGS = Training(batch_rows=10, patience=None)


def deep(layer: Callable[[int, int], nn.Module] = GCN, *, seed: int = 0) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Model([layer(8, 6), layer(6, 7), layer(7, 5)], nn.Linear(5, 3), dropout=0.3).eval()


def grown(method: Growing, model: Model) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        method.grown(model, 8)
    return model.eval()


def stirred(module: nn.Module) -> nn.Module:
    """Move every number a little, zeros and running averages among them."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for tensor in (*module.parameters(), *(b for b in module.buffers() if b.is_floating_point())):
            tensor += 0.3 * torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype)
    return module


@every
@pytest.mark.parametrize("layer", [GCN, GIN, lambda a, b: APPNP(a, b, 3)], ids=["GCN", "GIN", "APPNP"])
def test_no_score_changes_at_first(method, layer):
    task, model = small_task(), deep(layer)
    plain = model.logits(task.features, task.graph)
    found = grown(method, model).logits(task.features, task.graph)
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-6)
    model.dropout = 0.0
    trained_mode = model.train().logits(task.features, task.graph)
    torch.testing.assert_close(trained_mode, plain, rtol=0, atol=1e-6)


@every
def test_the_layers_themselves_stay_as_they_are(method):
    task, model = small_task(), deep()
    before = [layer.weight.weight.clone() for layer in model.layers]
    train(replace(method, epochs=3), model, task, SETTINGS, seed=0)
    inner = [m for m in model.modules() if isinstance(m, GCN)]
    own = inner if not isinstance(method, GraphControl) else [one.frozen for one in model.layers]
    assert len(own) == 3
    assert all(torch.equal(one.weight.weight, old) for one, old in zip(own, before, strict=True))
    if isinstance(method, GraphControl):
        assert not any(torch.equal(one.copy.weight.weight, one.frozen.weight.weight) for one in model.layers)


@every
def test_a_fresh_model_that_is_grown_takes_what_was_learned(method):
    task, model = small_task(), deep()
    train(replace(method, epochs=3), model, task, SETTINGS, seed=0)
    again = deep(seed=9)
    assert isinstance(method, Growing)
    method.grown(again, 8)
    again.load_state_dict(weights(model))
    assert torch.equal(
        again.eval().logits(task.features, task.graph), model.logits(task.features, task.graph)
    )


@every
@pytest.mark.parametrize("layer", [GCN, lambda a, b: SGC(a, b, 2)], ids=["GCN", "SGC"])
def test_blocks_of_rows_give_the_same_scores(method, layer):
    task = small_task()
    model = stirred(grown(method, deep(layer))).eval()
    rows = torch.tensor([3, 17, 40])
    expected = model.logits(task.features, task.graph)
    for some in (None, rows):
        found = model.logits_in_blocks(task.features, task.graph, some, block_bytes=2000)
        torch.testing.assert_close(found, expected if some is None else expected[some])
    near = task.graph.reach(rows, model.hops)
    part = model.logits(task.features[near], task.graph.part(near))
    torch.testing.assert_close(part[torch.searchsorted(near, rows)], expected[rows])


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_added_has_the_models_type(method, dtype):
    model = deep().to(dtype)
    method.grown(model, 8)
    assert {p.dtype for p in model.parameters()} == {dtype}


@every
def test_a_model_without_layers_is_refused(method):
    task = small_task()
    with pytest.raises(PlanError, match="there is none") as told:
        train(method, small_model(task, layers=False), task, SETTINGS, seed=0)
    assert "LinearProbe" in told.value.fix


WRAPPED = {
    "adapted": lambda layer: (
        lambda a, b: Adapted(layer(a, b), Adapter(a, 3, b, 0.5), Adapter(a, 3, b, 0.5), Model.averaged)
    ),
    "prompted": lambda layer: lambda a, b: Prompted(layer(a, b), MixedPrompt(a, 3)),
    "controlled": lambda layer: lambda a, b: Controlled(layer(a, b), a, b),
}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize("layer", [GCN, SGC], ids=lambda layer: layer.__name__)
def test_a_wrapped_layer_keeps_the_laws_of_layers(wrapped, layer, law):
    def built(inputs: int, outputs: int) -> nn.Module:
        # In training a batch norm mixes the nodes: what is promised holds of a model that serves.
        return stirred(WRAPPED[wrapped](layer)(inputs, outputs)).eval()

    law(built)  # type: ignore[arg-type]


@pytest.mark.parametrize("layer", ALL, ids=lambda layer: layer.__name__)
def test_widths_are_found_and_nothing_moves(layer):
    model = Model([layer(INPUTS, OUTPUTS), layer(OUTPUTS, 8)], nn.Linear(8, 3)).train()
    before, state = weights(model), torch.random.get_rng_state()
    assert model.widths(INPUTS) == ((INPUTS, OUTPUTS), (OUTPUTS, 8))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in weights(model).items())
    assert isinstance(model, Layered)


def test_an_adapted_layer_by_hand():
    task = small_task()
    layer = stirred(Adapted(GCN(8, 6), Adapter(8, 4, 6, 0.5), Adapter(8, 4, 6, 0.5), Model.averaged))
    x, graph = task.features, task.graph
    averaged = propagate(graph.with_loops().normalised(), x)

    def by_hand(adapter: Adapter, read: torch.Tensor, mean=None, var=None) -> torch.Tensor:
        wide = torch.relu(read @ adapter.down.weight.t() + adapter.bias) @ adapter.up.weight.t()
        mean = wide.mean(0) if mean is None else mean
        var = wide.var(0, unbiased=False) if var is None else var
        norm = adapter.norm
        return adapter.scale * ((wide - mean) / (var + norm.eps).sqrt() * norm.weight + norm.bias)

    def kept(adapter: Adapter) -> tuple:
        return adapter.norm.running_mean, adapter.norm.running_var

    own, near = layer.own, layer.near
    serving = layer.layer(x, graph) + by_hand(own, x, *kept(own)) + by_hand(near, averaged, *kept(near))
    torch.testing.assert_close(layer.eval()(x, graph), serving, rtol=1e-4, atol=1e-5)
    learning = layer.layer(x, graph) + by_hand(own, x) + by_hand(near, averaged)
    torch.testing.assert_close(layer.train()(x, graph), learning, rtol=1e-4, atol=1e-5)
    assert layer(x[:1], graph.part(torch.tensor([0]))).shape == (1, 6)


def test_a_mixed_prompt_by_hand():
    prompt = stirred(MixedPrompt(8, 3))
    x = small_task().features
    scores = torch.stack([x @ row for row in prompt.mixing.weight], 1)
    shares = scores.exp() / scores.exp().sum(1, keepdim=True)
    expected = sum(shares[:, [j]] * prompt.vectors[j] for j in range(3))
    torch.testing.assert_close(prompt(x), expected)
    layer = Prompted(GCN(8, 6), prompt)
    graph = small_task().graph
    torch.testing.assert_close(layer(x, graph), layer.layer(x + expected, graph))


def test_one_prompt_is_the_same_for_every_node():
    task, model = small_task(), deep()
    train(GPF(rate=0.1, epochs=5), model, task, SETTINGS, seed=0)
    vector = model.layers[0].prompt.vector.detach()
    assert vector.abs().min() > 0
    plain = deep()
    plain.head.load_state_dict(model.head.state_dict())
    torch.testing.assert_close(
        model.logits(task.features, task.graph), plain.logits(task.features + vector, task.graph)
    )


def test_control_by_hand():
    task = small_task()
    model = stirred(grown(GraphControl(), deep())).eval()
    x, graph = task.features, task.graph
    first, last = model.layers[0], model.layers[2]
    own, other = x, x + first.enter(propagate(graph.with_loops().normalised(), x))
    for layer in model.layers[:2]:
        own, other = torch.relu(layer.frozen(own, graph)), torch.relu(layer.copy(other, graph))
    ended = last.frozen(own, graph) + last.leave(last.copy(other, graph))
    torch.testing.assert_close(model.logits(x, graph), model.head(torch.relu(ended)))
    assert [layer.hops for layer in model.layers] == [2, 1, 1]


def test_counts_of_a_deep_model():
    def learned(method, model: Model, task: Task) -> int:
        return train(replace(method, epochs=1), model, task, SETTINGS, seed=0).phases[0].learned

    task, head, layers = small_task(), 5 * 3 + 3, 8 * 6 + 6 + 6 * 7 + 7 + 7 * 5 + 5
    adapters = sum(2 * (3 * (a + b + 1) + 2 * b + 1) for a, b in ((8, 6), (6, 7), (7, 5)))
    assert [learned(method, deep(), task) for method in METHODS] == [
        adapters + head,
        8 + head,
        2 * 2 * 8 + head,
        layers + 8 * 9 + 5 * 6 + head,
    ]


@pytest.mark.parametrize(
    ("layer", "inputs", "width", "most"),
    [
        (lambda a, b: GIN(a, b, 2 * b), 300, 300, 0.06),  # the paper's
        (GCN, 768, 768, 0.09),
        (GCN, 384, 256, 0.23),
        (GCN, 384, 64, 0.64),  # two adapters of bottleneck 15 are much beside so narrow a map
    ],
)
def test_the_share_of_full_tuning_that_adapters_learn(layer, inputs, width, most):
    model = Model([layer(inputs, width), layer(width, width)], nn.Linear(width, 3))
    before = sum(p.numel() for p in model.parameters())
    AdapterGNN().grown(model, inputs)
    added = sum(p.numel() for p in model.parameters()) - before
    assert 0.85 * most < added / before < most


@pytest.mark.parametrize(
    "wrong", [lambda: AdapterGNN(bottleneck=0), lambda: AdapterGNN(scale=0.0), lambda: GPFPlus(k=0)]
)
def test_settings_out_of_range_are_told(wrong):
    with pytest.raises(PlanError) as told:
        wrong()
    assert told.value.fix
