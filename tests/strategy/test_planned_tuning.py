"""Exactly what a plan names learns, as it says; and what cannot is told before anything is trained."""

import importlib.util
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from graphtune import loss, strategy
from graphtune.errors import MissingExtraError, PlanError
from graphtune.loss import Loss
from graphtune.plan.toml import from_toml, to_toml
from graphtune.strategy import LoRA, PlannedTuning, TextStrategy
from graphtune.structure.plans import ModuleTuning, TuningPlan
from graphtune.train import Training, train
from tasks import same, weights
from text_tasks import small_text_model, small_text_task

SETTINGS = Training(batch_rows=10, patience=None)
QUERY, DENSE = "encoder.layer.2.attention.self.query", "encoder.layer.2.output.dense"
NORM, WORDS = "encoder.layer.1.output.LayerNorm", "embeddings.word_embeddings"


def planned(*modules: ModuleTuning, **more) -> PlannedTuning:
    return PlannedTuning(TuningPlan(modules), epochs=2, **more)


def changed(model: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    after = weights(model)
    return {name for name, _ in model.named_parameters() if not torch.equal(before[name], after[name])}


def learned(method: PlannedTuning, frozen: int) -> set[str]:
    model = small_text_model(frozen)
    before = weights(model)
    train(method, model, small_text_task(frozen), SETTINGS, seed=0)
    assert list(weights(model)) == list(before)
    return {name.removeprefix("encoder.model.") for name in changed(model, before)}


HEAD = {"head.weight", "head.bias"}


def test_exactly_the_plans_modules_differ_afterwards():
    whole = planned(ModuleTuning(QUERY), ModuleTuning(NORM), ModuleTuning(WORDS))
    expected = {f"{name}.{part}" for name in (QUERY, NORM) for part in ("weight", "bias")}
    assert learned(whole, 0) == HEAD | expected | {f"{WORDS}.weight"}
    both = planned(ModuleTuning(QUERY, 2), ModuleTuning(DENSE))
    assert learned(both, 2) == HEAD | {f"{QUERY}.weight", f"{DENSE}.weight", f"{DENSE}.bias"}
    assert learned(PlannedTuning(TuningPlan(), epochs=2), 2) == HEAD


def test_names_may_begin_at_the_model_that_holds_the_transformer():
    within = (f"encoder.model.{QUERY}", f"encoder.model.{DENSE}")
    long = planned(ModuleTuning(within[0], 2), ModuleTuning(within[1]))
    assert learned(long, 2) == HEAD | {f"{QUERY}.weight", f"{DENSE}.weight", f"{DENSE}.bias"}


def test_the_top_blocks_learn_whole():
    found = learned(PlannedTuning(TuningPlan(top=2), rate=1e-3, epochs=2), 0)
    assert {name.split(".")[2] for name in found - HEAD} == {"1", "2"}


def test_every_module_has_its_own_rank_and_step_size():
    method = planned(
        ModuleTuning(QUERY, 2, 0.25), ModuleTuning(DENSE, 5), ModuleTuning(NORM, 0, 0.5), rate=0.125
    )
    model = small_text_model(0)
    phases = method.phases(model, small_text_task(0))
    groups = next(phases).groups
    assert [group.rate for group in groups] == [0.5, 0.25, method.update_rate, method.head_rate]
    shapes = [{tuple(p.shape) for p in group.parameters} for group in groups[1:3]]
    assert shapes == [{(2, 32), (32, 2)}, {(5, 64), (32, 5)}]
    assert next(phases, None) is None


def test_updates_of_one_rank_are_those_of_lora():
    ours, theirs = small_text_model(2), small_text_model(2)
    block = "encoder.layer.2.attention.self"
    plan = tuple(ModuleTuning(f"{block}.{name}", 2) for name in ("query", "value"))
    method = PlannedTuning(TuningPlan(plan), epochs=2, update_rate=1e-2)
    train(method, ours, small_text_task(2), SETTINGS, seed=0)
    train(LoRA(rank=2, rate=1e-2, epochs=2), theirs, small_text_task(2), SETTINGS, seed=0)
    torch.testing.assert_close(weights(ours), weights(theirs))


def test_a_weight_that_two_modules_share_is_learned_once():
    model = small_text_model(0)
    inner = model.encoder.model
    inner.get_submodule("encoder.layer.1.output").LayerNorm = inner.get_submodule(
        "encoder.layer.2.output.LayerNorm"
    )
    method = planned(ModuleTuning(NORM, rate=0.5), ModuleTuning("encoder.layer.2.output.LayerNorm"))
    (phase,) = method.phases(model, small_text_task(0))
    assert [len(group.parameters) for group in phase.groups] == [2, 2]


def test_a_training_that_fails_leaves_an_encoder_without_updates():
    model = small_text_model(2)
    before = weights(model)
    phases = planned(ModuleTuning(QUERY, 2)).phases(model, small_text_task(2))
    next(phases)
    phases.close()
    assert same(before, weights(model))


@dataclass(frozen=True)
class Holder:
    strategy: TextStrategy


def test_round_trip_through_toml():
    plan = TuningPlan((ModuleTuning(QUERY, 2, 1e-3), ModuleTuning(NORM)))
    kinds = {TextStrategy: strategy.OF_LABELLED_TEXTS, Loss: loss.ALL}
    for method in (PlannedTuning(), PlannedTuning(plan, epochs=3)):
        assert from_toml(Holder, to_toml(Holder(method)), kinds=kinds) == Holder(method)


@pytest.mark.parametrize(
    ("modules", "frozen", "said"),
    [
        ((ModuleTuning("encoder.layer.2.attention.self.quary"),), 0, "no module"),
        ((ModuleTuning("encoder.layer.2.attention.self.quary", 2),), 0, "no module"),
        ((ModuleTuning("encoder.layer.2"),), 0, "no module"),
        ((ModuleTuning(NORM),), 2, "no module"),
        ((ModuleTuning(WORDS),), 2, "cannot learn"),
        ((ModuleTuning(WORDS, 2),), 0, "no linear map"),
        ((ModuleTuning(NORM, 2),), 0, "no linear map"),
    ],
)
def test_what_cannot_be_tuned_is_told(modules, frozen, said):
    with pytest.raises(PlanError, match=said):
        next(planned(*modules).phases(small_text_model(frozen), small_text_task(frozen)))


def test_the_nearest_names_are_told():
    with pytest.raises(PlanError) as told:
        next(planned(ModuleTuning(f"{QUERY}s")).phases(small_text_model(0), small_text_task(0)))
    assert QUERY in told.value.fix


def test_more_blocks_than_can_learn_are_refused():
    method = PlannedTuning(TuningPlan(top=2))
    with pytest.raises(PlanError, match="top 2 blocks, of which 1 can learn") as told:
        next(method.phases(small_text_model(2), small_text_task(2)))
    assert "blocks = 2" in told.value.fix


def test_without_the_extra_the_one_command_is_named(monkeypatch):
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "peft" else there(name))
    with pytest.raises(MissingExtraError):
        next(planned(ModuleTuning(QUERY, 2)).phases(small_text_model(0), small_text_task(0)))
    next(planned(ModuleTuning(QUERY)).phases(small_text_model(0), small_text_task(0)))
