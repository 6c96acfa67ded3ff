"""What is drawn can be planned and told apart, and holds everything `fit` tries."""

from dataclasses import dataclass, field

import numpy as np
import optuna
import pytest
from drawing import graphs, space, views
from optuna.trial import FixedTrial

from graphtune import layer, strategy
from graphtune.graph import Fuse, Given, Neighbours
from graphtune.plan import Plan
from graphtune.select import Network, Smoothed, grid
from graphtune.select.held_out import HeldOut, Part
from graphtune.select.standing import Standing
from graphtune.strategy import Full
from graphtune.sweep import space as module
from graphtune.sweep.defaults import Defaults
from graphtune.sweep.space import Setting, told

CASES = [(links, same) for links in (False, True) for same in (False, True)]


@pytest.fixture(autouse=True)
def silent():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def drawn(count: int, **settings) -> list[Setting]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [space(**settings).drawn(study.ask()) for _ in range(count)]


def base(setting: Setting):
    candidate = setting.candidate
    return candidate.base if isinstance(candidate, Smoothed) else candidate


@pytest.mark.parametrize(("links", "same"), CASES)
def test_every_draw_is_a_plan_that_comes_back(links, same):
    for setting in drawn(60, links=links, same=same):
        named = () if setting.graph is None else (setting.graph,)
        plan = Plan(encoder="tfidf", graphs=named, candidates=(setting.candidate,))
        assert Plan.from_text(plan.to_text()) == plan


@pytest.mark.parametrize(("links", "same"), CASES)
def test_parameters_are_the_inverse_of_drawing(links, same):
    here = space(links=links, same=same)
    for setting in drawn(60, links=links, same=same):
        again = FixedTrial(here.parameters(setting))
        assert here.drawn(again) == setting
        assert again.params == again._params


@pytest.mark.parametrize("few", [True, False])
@pytest.mark.parametrize(("links", "same"), CASES)
@pytest.mark.filterwarnings("error")
def test_what_fit_tries_is_in_the_space(links, same, few):
    here, known = space(links=links, same=same), graphs(links=links, same=same)
    read = views(same=same)
    every = [*grid.probes(few=few, views=read), *grid.propagated(known, few=few, views=read)]
    every += [*grid.smoothed(every[0], known), *grid.networks(known[0].name, known[0].view, few=few)]
    for candidate in map(told, every):
        graph = next((one for one in known if one.name in candidate.graphs), None)
        setting = Setting(candidate, graph)
        assert here.holds(candidate)
        assert here.drawn(FixedTrial(here.parameters(setting))) == setting


def test_the_first_settings_are_those_of_fit_and_networks_come_last():
    here, known = space(), graphs()
    standing = Standing(HeldOut((), 1, "", 0), few=True, parts=1)
    defaults, ended = Defaults(here, known, views()), []
    while (setting := defaults.next(ended, standing)) is not None:
        ended.append(setting.candidate)
    assert len(ended) == defaults.count(few=True)
    networks = [one for one in ended if one.family == "network"]
    assert ended[-len(networks) :] == networks
    assert len({repr(one) for one in ended}) == len(ended)


def test_what_is_drawn_does_not_change_what_fit_goes_on_with():
    here, known = space(), graphs()
    labels = np.arange(6) % 3
    part = Part(np.arange(6), np.arange(6), None, labels)
    standing = Standing(HeldOut((part,), 1, "", 1), few=True, parts=1)
    defaults, ended = Defaults(here, known, views()), []
    while (setting := defaults.next(ended, standing)).candidate.family != "network":
        ended.append(setting.candidate)
        standing.tried[setting.candidate] = standing.judged(setting.candidate, sure(labels, 0.6), 0.0)
    better = next(one.candidate for one in drawn(40) if base(one).family == "graph")
    standing.tried[better] = standing.judged(better, sure(labels, 0.9), 0.0)
    assert defaults.next(ended, standing) == setting


def sure(labels: np.ndarray, share: float) -> np.ndarray:
    """Return probabilities that are right for all rows but the first."""
    table = np.full((len(labels), 3), (1 - share) / 2, dtype=np.float32)
    table[np.arange(len(labels)), np.where(np.arange(len(labels)) == 0, 1, labels)] = share
    return table


def test_names_of_graphs_tell_their_settings():
    settings = drawn(150, links=True)
    named = {setting.graph for setting in settings if setting.graph is not None}
    assert len({one.name for one in named}) == len(named)
    kinds = {type(one.builder) for one in named}
    assert kinds == {Given, Neighbours, Fuse}
    near = [one.builder for one in named if isinstance(one.builder, Neighbours)]
    assert all(5 <= one.k <= 50 and 1 <= one.sharpness <= 8 for one in near)


def test_without_links_there_is_likeness_alone():
    assert {type(one.graph.builder) for one in drawn(40) if one.graph} == {Neighbours}


def test_a_space_is_of_its_kinds():
    families = {base(one).family for one in drawn(40, which="network")}
    assert families == {"network"}
    assert "network" not in {base(one).family for one in drawn(40, which="linear")}


def test_every_layer_and_strategy_is_drawn_and_told_what_it_takes():
    networks = [base(one) for one in drawn(200, which="network")]
    assert {one.layer for one in networks} == set(layer.ALL)
    assert {type(one.strategy) for one in networks} == set(strategy.ALL)
    assert all((one.heads is None) == (one.layer not in (layer.GAT, layer.GATv2)) for one in networks)
    assert all((one.hops is None) == (one.layer not in (layer.APPNP, layer.SGC)) for one in networks)


def test_a_new_layer_and_a_new_strategy_join_by_themselves(monkeypatch):
    class Cheb(layer.SGC):
        pass

    @dataclass(frozen=True)
    class Frozen(Full):
        loss: object = field(default=None)

    monkeypatch.setattr(module, "_LAYERS", {"Cheb": Cheb})
    monkeypatch.setattr(module, "_STRATEGIES", {"Frozen": Frozen})
    (found,) = (base(one) for one in drawn(1, which="network"))
    assert isinstance(found, Network)
    assert (found.layer, type(found.strategy)) == (Cheb, Frozen)
    assert found.hops is not None
