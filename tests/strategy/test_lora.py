"""Low-rank updates: PEFT's own, on the right maps of every architecture, and merged without a trace."""

import importlib.util
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
from torch import nn

from graphtune.encoder.export import export
from graphtune.encoder.tunable import TunableTransformer
from graphtune.errors import MissingExtraError, PlanError
from graphtune.model import TextModel
from graphtune.strategy import LoRA
from graphtune.strategy.lora import targeted
from graphtune.train import Training, train
from tasks import same, weights
from text_tasks import small_text_model, small_text_task, tiny

SETTINGS = Training(batch_rows=10, patience=None)
_SIZE = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 40,
}
_DECODER = _SIZE | {"num_key_value_heads": 2}
KINDS = {
    "Bert": (_SIZE, {"query", "value"}),
    "Roberta": (_SIZE, {"query", "value"}),
    "XLMRoberta": (_SIZE, {"query", "value"}),
    "MPNet": (_SIZE, {"q", "v"}),
    "DistilBert": (
        {"vocab_size": 50, "dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 64},
        {"q_lin", "v_lin"},
    ),
    "ModernBert": (_SIZE | {"pad_token_id": 0, "local_attention": 4}, {"Wqkv"}),
    "Llama": (_DECODER, {"q_proj", "v_proj"}),
    "Qwen2": (_DECODER, {"q_proj", "v_proj"}),
    "GPT2": ({"vocab_size": 50, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 40}, {"c_attn"}),
}
IDS = torch.tensor([[4, 9, 3, 12, 7, 8, 22, 31], [6, 5, 2, 0, 0, 0, 0, 0]])
MASK = (IDS > 0).long()
HERE = MASK.bool()


def cut(kind: str, frozen: int) -> TunableTransformer:
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**KINDS[kind][0])
    return TunableTransformer(getattr(transformers, f"{kind}Model")(config), frozen)


def model(kind: str, frozen: int) -> TextModel:
    return TextModel(cut(kind, frozen), "mean", nn.Linear(32, 3))


def moved(module: nn.Module, seed: int = 1) -> None:
    """Move all that a phase learns away from where it starts: an update starts as none."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if ".lora_" in name:
                nn.init.normal_(parameter, std=0.3)


@pytest.mark.parametrize("frozen", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_finds_queries_and_values_of_the_blocks_that_can_learn(kind, frozen):
    found = targeted(cut(kind, frozen).model, ())
    assert {name.rpartition(".")[2] for name in found} == KINDS[kind][1]
    assert len(found) == (3 - frozen) * len(KINDS[kind][1])


@pytest.mark.parametrize("frozen", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_the_merged_equals_the_unmerged(kind, frozen):
    own = model(kind, frozen)
    names = list(weights(own))
    given = torch.randn(2, 8, 32, generator=torch.Generator().manual_seed(2)) if frozen else IDS
    with torch.no_grad():
        before = own.encoder(given, MASK)
    phases = LoRA(rank=3).phases(own, small_text_task(frozen))
    next(phases)
    with torch.no_grad():
        torch.testing.assert_close(own.encoder(given, MASK), before)  # an update starts as none
        moved(own)
        unmerged = own.encoder(given, MASK)
    assert next(phases, None) is None
    with torch.no_grad():
        merged = own.encoder(given, MASK)
    assert (unmerged - before)[HERE].abs().max() > 1e-2
    torch.testing.assert_close(merged[HERE], unmerged[HERE], atol=1e-5, rtol=0)
    assert list(weights(own)) == names
    assert not hasattr(own.encoder.model, "peft_config")


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # of PEFT to transformers
def test_puts_out_what_peft_puts_out():
    import peft

    own, theirs = model("Bert", 0), deepcopy(cut("Bert", 0).model)
    config = peft.LoraConfig(r=3, lora_alpha=6, target_modules=["query", "value"])
    oracle = peft.get_peft_model(theirs, config)
    phases = LoRA(rank=3, scale=2.0).phases(own, small_text_task(0))
    next(phases)
    moved(own)
    updates = {n.partition("encoder.model.")[2]: p for n, p in own.named_parameters() if ".lora_" in n}
    there = {n.partition("base_model.model.")[2]: p for n, p in oracle.named_parameters() if ".lora_" in n}
    assert updates.keys() == there.keys()
    with torch.no_grad():
        for name, parameter in there.items():
            parameter.copy_(updates[name])
        next(phases, None)
        expected = oracle(input_ids=IDS, attention_mask=MASK).last_hidden_state
        torch.testing.assert_close(own.encoder(IDS, MASK)[HERE], expected[HERE], atol=1e-5, rtol=0)


def test_only_the_targets_weights_differ_afterwards_and_all_can_learn_as_before():
    own = small_text_model(2)
    before, able = weights(own), [parameter.requires_grad for parameter in own.parameters()]
    train(LoRA(rank=2, epochs=2), own, small_text_task(2), SETTINGS, seed=0)
    after = weights(own)
    named = [name for name, _ in own.named_parameters()]  # blocks are in the state twice
    changed = {name for name in named if not torch.equal(before[name], after[name])}
    block = "encoder.model.encoder.layer.2.attention.self"
    assert changed == {"head.weight", "head.bias", f"{block}.query.weight", f"{block}.value.weight"}
    assert [parameter.requires_grad for parameter in own.parameters()] == able
    # The difference is of the rank that was asked for.
    difference = after[f"{block}.query.weight"] - before[f"{block}.query.weight"]
    assert torch.linalg.matrix_rank(difference, atol=1e-6) == 2


def test_learns():
    own, task = small_text_model(0), small_text_task(0)
    history = train(LoRA(rate=5e-3, epochs=25), own, task, Training(8, patience=None), seed=0)
    assert history.epochs[-1].loss < history.epochs[0].loss
    assert (task.judged(own, None).argmax(1) == task.held[0]).float().mean() > 0.8


def test_a_training_that_fails_leaves_an_encoder_without_updates():
    own = small_text_model(2)
    names = list(weights(own))
    phases = LoRA().phases(own, small_text_task(2))
    next(phases)
    assert list(weights(own)) != names
    phases.close()
    assert list(weights(own)) == names


def test_twice_in_a_row_is_as_good_as_once():
    own, task = small_text_model(2), small_text_task(2)
    train(LoRA(rank=2, epochs=1), own, task, SETTINGS, seed=0)
    once = weights(own)
    train(LoRA(rank=2, epochs=1), own, task, SETTINGS, seed=1)
    assert not same(once, weights(own))


@pytest.mark.parametrize("targets", [("w_query",), ("LayerNorm",), ("word_embeddings",)])
def test_targets_that_match_nothing_are_told_with_what_there_is(targets):
    phases = LoRA(targets).phases(small_text_model(2), small_text_task(2))
    with pytest.raises(PlanError, match="no linear map") as told:
        next(phases)
    assert "dense, key, query, value" in told.value.fix


def test_where_no_name_tells_all_maps_of_attention_are_targets_or_all_there_are():
    odd = nn.ModuleDict({"att": nn.ModuleDict({"up": nn.Linear(2, 2)}), "other": nn.Linear(2, 2)})
    assert list(targeted(odd, ())) == ["att.up"]
    assert list(targeted(nn.ModuleDict({"other": nn.Linear(2, 2)}), ())) == ["other"]


@pytest.mark.parametrize(("field", "value"), [("rank", 0), ("scale", 0.0), ("scale", -1.0)])
def test_a_value_out_of_range_is_refused(field, value):
    with pytest.raises(PlanError, match=f"{field} = "):
        replace(LoRA(), **{field: value})


def test_without_the_extra_the_one_command_is_named(monkeypatch):
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "peft" else there(name))
    own = small_text_model(2)
    with pytest.raises(MissingExtraError) as told:
        next(LoRA().phases(own, small_text_task(2)))
    assert told.value.fix == "pip install 'graphtune[lora]'"


def test_the_exported_directory_holds_what_was_merged(tmp_path):
    own = small_text_model(2)
    train(LoRA(rank=2, rate=1e-2, epochs=2), own, small_text_task(2), SETTINGS, seed=0)
    ids = torch.tensor([[2, 9, 7, 3], [2, 6, 3, 0]])
    mask = (ids > 0).long()
    with own.encoder.whole() as whole, torch.no_grad():
        expected = whole(input_ids=ids, attention_mask=mask).last_hidden_state
        export(whole, Path(tiny().name), tmp_path, pooling="mean", max_tokens=64)
    again = transformers.AutoModel.from_pretrained(tmp_path, local_files_only=True).eval()
    with torch.no_grad():
        found = again(input_ids=ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(found[mask.bool()], expected[mask.bool()], atol=1e-6, rtol=1e-5)
    assert not list(tmp_path.glob("adapter*"))
