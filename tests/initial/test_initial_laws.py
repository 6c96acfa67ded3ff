"""What holds for every way to start a network."""

from dataclasses import dataclass, fields, replace

import pytest
import torch
from torch import nn

from graphtune import initial, layer, loss
from graphtune.initial import Initial, Usual
from graphtune.loss import Loss
from graphtune.model import Model, Task
from graphtune.plan import KINDS, Plan
from graphtune.plan.toml import from_toml, to_toml
from graphtune.select import Network
from graphtune.strategy import Full
from graphtune.strategy.started import Started
from graphtune.train import Training, train
from laws import random_graph
from tasks import same, small_model, small_task, weights

# Few epochs: what holds after them holds after many.
STARTS = [
    kind(epochs=3) if "epochs" in {field.name for field in fields(kind)} else kind()
    for kind in initial.ALL
    if kind is not initial.Pretrained  # which has a directory
]
TOLD = (Usual, initial.Xavier, initial.Kaiming, initial.Orthogonal, initial.Virgo, initial.MLPInit)
told = pytest.mark.parametrize(
    "start", [one for one in STARTS if isinstance(one, TOLD)], ids=lambda start: type(start).__name__
)
every = pytest.mark.parametrize("start", STARTS, ids=lambda start: type(start).__name__)
of_every_layer = pytest.mark.parametrize("of", layer.ALL)
UNMOVED = {"Usual": {"matrix", "vector", "bias"}, "MLPInit": {"vector"}}  # attention chooses from one node


@dataclass(frozen=True)
class Holder:
    initial: Initial


def task() -> Task:
    """The small task on a graph without loops, weights of edges and all."""
    return replace(small_task(), graph=random_graph(60, 240).to(dtype=torch.float32))


def model(of: type[nn.Module], *, seed: int = 0) -> Model:
    """Two layers whose every number is other than any start would make it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = Model([of(8, 12), of(12, 12)], nn.Linear(12, 3), dropout=0.3)
        for parameter in made.parameters():
            nn.init.normal_(parameter, std=0.3)
    return made


def started(start: Initial, made: Model, given: Task, *, seed: int = 0) -> Model:
    """The network as its strategy would find it."""
    only = Started(start, Full(epochs=0))
    train(only, made, given, Training(patience=None), seed=seed)
    return made


def sort(name: str, parameter: torch.Tensor, made: Model) -> str:
    owner = made.get_submodule(name.rpartition(".")[0])
    if parameter.dim() == 2:
        return "matrix" if isinstance(owner, nn.Linear) else "vector"
    return "bias" if name.endswith("bias") else "other"


def test_all_names_every_initialisation_once():
    assert {kind.__name__ for kind in initial.ALL} == {*initial.__all__} - {"ALL", "Initial"}
    assert len({*initial.ALL}) == len(initial.ALL)


@every
def test_is_an_initialisation(start):
    assert isinstance(start, Initial)


def test_the_usual_start_changes_no_bit_of_what_is_tuned():
    found = []
    for strategy in (Full(epochs=3), Started(Usual(), Full(epochs=3))):
        task = small_task()
        model = small_model(task)
        train(strategy, model, task, Training(patience=None), seed=0)
        found.append(weights(model))
    assert same(*found)


@of_every_layer
@told
def test_sets_every_parameter_that_it_should(start, of):
    made, kind = model(of), type(start)
    before = weights(made)
    started(start, made, task())
    learns = kind is initial.MLPInit
    for name, parameter in made.named_parameters():
        what = sort(name, parameter, made)
        stays = what in UNMOVED.get(kind.__name__, set()) or (what == "other" and not learns)
        # Behind an attention that has nothing to choose among, what the receiver says is not read.
        unread = learns and of is layer.GATv2 and ".received." in name
        assert torch.equal(parameter, before[name]) == (stays or unread or kind is Usual), name
        if what == "bias" and kind not in (Usual, initial.MLPInit):
            assert not parameter.any()
        assert torch.isfinite(parameter).all()


@of_every_layer
@every
def test_same_seed_same_bits_and_another_seed_others(start, of):
    def found(seed: int) -> dict[str, torch.Tensor]:
        return weights(started(start, model(of), task(), seed=seed))

    assert same(found(1), found(1))
    assert same(found(1), found(2)) == isinstance(start, Usual)


@every
def test_labels_outside_the_training_rows_change_nothing(start):
    given = replace(task(), val=torch.arange(0))
    other = given.labels.clone()
    other[len(given.train) :] = (other[len(given.train) :] + 1) % given.classes
    first, second = (
        weights(started(start, model(layer.GCN), replace(given, labels=labels)))
        for labels in (given.labels, other)
    )
    assert same(first, second)


@every
def test_a_network_is_tuned_on_from_there(start):
    given, made = replace(task(), val=torch.arange(0)), model(layer.GCN)
    made.dropout = 0.0
    history = train(Started(start, Full(epochs=20)), made, given, Training(patience=None), seed=0)
    assert history.phases[-1].name == "full"
    assert history.phases[-1].epochs[-1].loss < history.phases[-1].epochs[0].loss
    assert history.phases[-1].learned == sum(parameter.numel() for parameter in made.parameters())


@pytest.mark.parametrize("kind", initial.ALL)
def test_round_trip_through_toml(kind):
    given = {"gain": 1.5} if kind is initial.Orthogonal else {}
    if kind is initial.MLPInit:
        given = {"epochs": 7, "rate": 0.125, "decay": 0.5, "loss": loss.Focal()}
    holder = Holder(kind(**given))
    kinds = {Initial: initial.ALL, Loss: loss.ALL}
    assert from_toml(Holder, to_toml(holder), kinds=kinds) == holder
    plan = Plan(candidates=(Network(initial=holder.initial),))
    assert Plan.from_text(plan.to_text()) == plan
    assert KINDS[Initial] == initial.ALL
    said = f"{kind.__name__} start"
    assert (said in str(plan.candidates[0])) == (kind is not Usual)
