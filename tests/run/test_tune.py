"""Networks of PyG layers, tuned on PyG data."""

import subprocess
import sys
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

import graphtune
from graphtune import errors
from graphtune.errors import MissingExtraError, PlanError, TrainError
from graphtune.graph import Sampler, propagate
from graphtune.loss import CrossEntropy
from graphtune.model import Layered, Learner, Problem
from graphtune.model.pyg import DataModel, DataTask
from graphtune.run import tune as module_of_tune
from graphtune.run.tune import grown, tune
from graphtune.strategy import GPF, AdapterGNN, Full, GPFPlus, GraphControl, LinearProbe
from graphtune.strategy.lora import LoRA
from graphtune.train import Training
from pyg_networks import GCN, GIN, METHODS, SETTINGS, Encoded, Plain, made, pyg, small_data
from tasks import KilledError, Mortal, same, small_task, weights

every = pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
HEAD = 5 * 3 + 3


def scores(module: nn.Module, data=None) -> torch.Tensor:
    data = small_data() if data is None else data
    model = DataModel(module, data)
    with torch.no_grad():
        return model.eval()(DataTask(data, model.classes).batch(torch.arange(60)))


kinds = pytest.mark.parametrize("kind", [GCN, GIN])


@every
@kinds
def test_exactly_what_is_declared_moves_in_the_module_that_was_given(method, kind):
    module = made(kind)
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    kept = {id(p): name for name, p in module.named_parameters()}
    tuned = tune(module, small_data(), method, settings=SETTINGS)
    assert tuned.module is module
    assert not module.training
    now = {kept[id(p)]: p for p in module.parameters() if id(p) in kept}
    moved = {name for name, old in before.items() if not torch.equal(old, now[name])}
    head = {"scores.weight", "scores.bias"}
    expected = {
        "Full": set(before),
        "BitFit": head | {name for name in before if name.endswith("bias")},
    }
    assert moved == expected.get(type(method).__name__, head)
    added = [name for name, p in module.named_parameters() if id(p) not in kept]
    assert bool(added) == isinstance(method, GPF | GPFPlus | AdapterGNN)


@kinds
def test_counts_what_it_learns(kind):
    widths = ((8, 6), (6, 5)) if kind is GCN else ((8, 5), (5, 5))
    whole = sum(p.numel() for p in made(kind).parameters())
    biases = (6 + 5) if kind is GCN else 4 * 5
    adapters = sum(2 * (3 * (a + b + 1) + 2 * b + 1) for a, b in widths)
    found = [tune(made(kind), small_data(), m, settings=SETTINGS).history.phases[0].learned for m in METHODS]
    assert found == [whole, HEAD, biases + HEAD, 8 + HEAD, 2 * 2 * 8 + HEAD, adapters + HEAD]


@pytest.mark.parametrize("method", METHODS[3:], ids=lambda method: type(method).__name__)
@kinds
def test_no_score_changes_at_first_and_a_fresh_module_takes_what_was_learned(method, kind):
    module, data = made(kind), small_data()
    plain = scores(module)
    torch.testing.assert_close(scores(grown(module, data, method)), plain, rtol=0, atol=1e-6)
    tuned = made(kind)
    tune(tuned, data, method, settings=SETTINGS)
    assert not torch.allclose(scores(tuned), plain)
    again = grown(made(kind, seed=3), data, method)
    again.load_state_dict(tuned.state_dict())
    assert torch.equal(scores(again), scores(tuned))


@every
def test_learns(method):
    module, data = made(), small_data()
    history = tune(module, data, replace(method, epochs=40), settings=Training(patience=None)).history
    assert history.epochs[-1].loss < history.epochs[0].loss
    best = min(history.epochs, key=lambda epoch: (epoch.val_loss, -epoch.val_accuracy))
    val = data.val_mask
    found = (scores(module)[val].argmax(1) == data.y[val]).float().mean()
    assert float(found) == pytest.approx(best.val_accuracy)
    assert history.phases[0].best == best.epoch


@every
def test_deterministic_and_resumed_bit_for_bit_after_a_kill(method, tmp_path):
    def result(seed: int, tuning=method, **more):
        module = made()
        tune(module, small_data(), tuning, settings=SETTINGS, seed=seed, **more)
        return weights(module)

    whole = result(0)
    assert same(whole, result(0))
    assert not same(whole, result(1))
    with pytest.raises(KilledError):
        result(0, Mortal(method, 5), into=tmp_path)
    assert same(whole, result(0, into=tmp_path, resume=True))
    other = small_data()
    other.x = other.x + 1
    with pytest.raises(TrainError, match="another training"):
        tune(made(), other, method, settings=SETTINGS, into=tmp_path, resume=True)


def test_a_test_label_changes_nothing():
    data, other = small_data(), small_data()
    other.y[40:] = (other.y[40:] + 1) % 3
    results = []
    for one in (data, other):
        module = made()
        tune(module, one, Full(epochs=3), settings=SETTINGS)
        results.append(weights(module))
    assert same(*results)


def test_equals_a_loop_by_hand():
    data, ours, theirs = small_data(), made(GIN), made(GIN)
    del data.val_mask
    tune(ours, data, Full(rate=0.02, decay=1e-3, epochs=4))
    optimiser = torch.optim.AdamW(theirs.parameters(), lr=0.02, weight_decay=1e-3)
    for _ in range(4):
        optimiser.zero_grad()
        out = theirs.train()(data.x, data.edge_index)[data.train_mask]
        CrossEntropy()(out, data.y[data.train_mask]).backward()
        optimiser.step()
    torch.testing.assert_close(weights(ours), weights(theirs))


def test_a_head_can_be_named_and_data_be_taken_whole():
    with pytest.raises(PlanError, match="no linear map outside its layers") as told:
        tune(made(Plain), small_data(), LinearProbe())
    assert "head='conv2'" in told.value.fix
    with pytest.raises(PlanError, match="not what the module's last linear map, 'encoder', makes"):
        tune(made(Encoded), small_data(), LinearProbe())
    module = made(Plain)
    before = weights(module)
    history = tune(module, small_data(), LinearProbe(epochs=3), head="conv2", settings=SETTINGS).history
    moved = {name for name, tensor in weights(module).items() if not torch.equal(before[name], tensor)}
    assert moved == {"conv2.bias", "conv2.lin.weight"}
    assert history.phases[0].learned == HEAD
    tune(module, small_data(), AdapterGNN(epochs=1), head="conv2", settings=SETTINGS)
    assert {name.split(".")[0] for name in weights(module)} == {"conv1", "conv2"}
    assert "conv1.own.scale" in weights(module)
    assert "conv2.own.scale" not in weights(module)


@pytest.mark.parametrize("name", ["GCN", "GAT", "GraphSAGE", "GIN"])
@pytest.mark.parametrize("method", METHODS[2::3], ids=lambda method: type(method).__name__)
def test_pygs_own_models_with_a_head_behind_them(name, method):
    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = getattr(pyg, name)(8, 6, num_layers=2, out_channels=5)
            self.head = pyg.Linear(5, 3)

        def forward(self, x, edge_index):
            return self.head(self.body(x, edge_index))

    module = made(Classifier)
    assert len(DataModel(module, small_data()).layers) == 2
    assert len(tune(module, small_data(), method, settings=SETTINGS).history.epochs) == 3


def test_a_sequential_is_read_too():
    module = pyg.Sequential("x, edge_index", [(pyg.GCNConv(8, 5), "x, edge_index -> x"), nn.Linear(5, 3)])
    assert tune(module, small_data(), GPF(epochs=2)).history.phases[0].learned == 8 + HEAD


@every
def test_a_sequential_of_three_inputs_is_read_too(method):
    steps = [(pyg.GCNConv(8, 5), "x, edge_index, edge_weight -> x"), nn.ReLU(), (nn.Linear(5, 3), "x -> x")]
    module = pyg.Sequential("x, edge_index, edge_weight", steps)
    data = small_data()
    if "edge_weight" not in data:
        data.edge_weight = torch.rand(data.num_edges)
    assert tune(module, data, method).history.epochs
    del data.edge_weight
    with pytest.raises(PlanError, match="'edge_weight', which the data do not hold"):
        tune(module, data, method)


def test_learner_and_problem_are_what_they_say():
    data = small_data()
    model = DataModel(made(), data)
    assert isinstance(model, Learner)
    assert isinstance(model, Layered)
    assert isinstance(DataTask(data, 3), Problem)
    assert model.widths(8) == ((8, 6), (6, 5))
    assert [layer.in_channels for layer in model.layers] == [8, 6]
    whole = sum(p.numel() for p in model.parameters())
    assert sum(p.numel() for p in model.body) == whole - HEAD


@pytest.mark.parametrize("weighted", [False, True])
def test_averages_as_a_graph_of_ours_and_as_pyg(weighted):
    task = small_task()
    graph = task.graph if not weighted else replace(task.graph, weight=torch.rand(task.graph.edges) + 0.5)
    ends = torch.stack([graph.source, graph.target])
    more = {"edge_weight": graph.weight} if weighted else {}
    if not weighted:
        graph = replace(graph, weight=torch.ones_like(graph.weight))
    found = DataModel.averaged(task.features, ends, **more)
    expected = propagate(graph.with_loops().normalised(), task.features)
    torch.testing.assert_close(found, expected)
    theirs = pyg.GCNConv(8, 8, bias=False)
    theirs.lin.weight.data = torch.eye(8)
    torch.testing.assert_close(found, theirs(task.features, ends, **more).detach())
    if weighted:
        torch.testing.assert_close(DataModel.averaged(task.features, ends, graph.weight), expected)
    with pytest.raises(PlanError, match="no sparse adjacency"):
        DataModel.averaged(task.features, torch.eye(60).to_sparse())


WRONG = [
    ({"train_mask": None}, "no train_mask"),
    ({"y": None}, "no y"),
    ({"x": None}, "have no x"),
    ({"x": torch.zeros(60, 4)}, "cannot read these data"),
    ({"y": torch.rand(60)}, "not one class"),
    ({"y": torch.zeros(60, 2, dtype=torch.int64)}, "not one class"),
    ({"y": torch.arange(60)}, "gives 3 scores"),
    ({"y": torch.full((60,), -1)}, "gives 3 scores"),
    ({"train_mask": torch.ones(60, 4, dtype=torch.bool)}, "true or false"),
    ({"val_mask": torch.arange(60)}, "true or false"),
]


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_data_that_do_not_fit_are_told(change, said):
    data = small_data(**change)
    with pytest.raises(PlanError, match=said) as told:
        tune(made(), data, LinearProbe(epochs=1))
    assert told.value.fix


def test_nothing_to_train_on_is_told():
    with pytest.raises(TrainError, match="no labelled row"):
        tune(made(), small_data(train_mask=torch.zeros(60, dtype=torch.bool)), LinearProbe())


def test_modules_that_do_not_fit_are_told():
    data = small_data()

    class Two(GCN):
        def forward(self, x, edge_index):
            return super().forward(x, edge_index), x

    class Odd(GCN):
        def forward(self, x, edge_index, time):
            return super().forward(x, edge_index)

    for kind, said in ((Two, "returns tuple"), (Odd, "takes 'time'")):
        with pytest.raises(PlanError, match=said):
            tune(made(kind), data, Full())
    with pytest.raises(PlanError, match="no part 'nothing'"):
        tune(made(), data, Full(), head="nothing")
    flat = nn.Sequential(nn.Linear(9, 3))
    with pytest.raises(PlanError, match="cannot read these data"):
        tune(flat, data, Full())


def test_strategies_of_other_models_are_told():
    for method, asked in ((GraphControl(), "Model"), (LoRA(), "TextModel")):
        with pytest.raises(PlanError, match=f"{type(method).__name__} tunes a graphtune {asked}"):
            tune(made(), small_data(), method)
    no_layer = nn.Sequential(nn.Linear(8, 3))
    tune(no_layer, small_data(), Full(epochs=1))
    for method in (GPF(), GPFPlus(), AdapterGNN()):
        with pytest.raises(PlanError, match="there is none"):
            tune(no_layer, small_data(), method)


def test_a_sampler_is_told():
    with pytest.raises(PlanError, match="not sampled"):
        tune(made(), small_data(), Full(), settings=Training(sampler=Sampler((2, 2))))


def test_without_pyg_the_line_that_installs_it_is_said(monkeypatch):
    monkeypatch.setattr(module_of_tune.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="tune needs the extra 'pyg'") as told:
        tune(made(), small_data(), Full())
    assert told.value.fix == "pip install 'graphtune[pyg]'"


def test_is_exported_and_loaded_late():
    assert graphtune.tune is tune
    assert "tune" in dir(graphtune)
    code = "import graphtune, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@dataclass(frozen=True)
class Unhinted:
    rate: float = 0.1

    def phases(self, model, task):
        yield from LinearProbe(rate=self.rate, epochs=1).phases(model, task)


def test_a_strategy_of_the_users_own_is_run():
    assert tune(made(), small_data(), Unhinted()).history.phases[0].learned == HEAD
    assert issubclass(PlanError, errors.GraphtuneError)
