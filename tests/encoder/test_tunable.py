"""Transformers cut between their blocks: nothing changes but what learns."""

from typing import Any

import pytest
import torch
import transformers
from torch import nn

from graphtune.encoder.tunable import TunableTransformer
from graphtune.errors import EncoderError

_SIZE = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 40,
}
_DECODER = _SIZE | {"num_key_value_heads": 2}
KINDS: dict[str, dict[str, Any]] = {
    "Bert": _SIZE,
    "Roberta": _SIZE,
    "XLMRoberta": _SIZE,
    "MPNet": _SIZE,
    "Electra": _SIZE | {"embedding_size": 16},
    "DistilBert": {"vocab_size": 50, "dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 64},
    "ModernBert": _SIZE | {"pad_token_id": 0, "local_attention": 4, "global_attn_every_n_layers": 2},
    "Llama": _DECODER,
    "Qwen2": _DECODER | {"use_sliding_window": True, "max_window_layers": 1, "sliding_window": 4},
    "GPT2": {"vocab_size": 50, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 40},
}
IDS = torch.tensor([[4, 9, 3, 12, 7, 8, 22, 31], [6, 5, 2, 0, 0, 0, 0, 0]])
MASK = (IDS > 0).long()
HERE = MASK.bool()


def made(kind: str) -> nn.Module:
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**KINDS[kind])
    model = getattr(transformers, f"{kind}Model")(config)
    for parameter in model.parameters():  # so that no bias is zero, and no two norms are alike
        nn.init.normal_(parameter, std=0.2) if parameter.dim() > 1 else nn.init.uniform_(parameter, 0.5, 1.5)
    return model.eval()


def states(model: nn.Module, block: int) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=IDS, attention_mask=MASK, output_hidden_states=True).hidden_states[block]


@pytest.mark.parametrize("frozen", [0, 1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_changes_nothing_that_is_put_out(kind, frozen):
    whole = made(kind)
    with torch.no_grad():
        expected = whole(input_ids=IDS, attention_mask=MASK).last_hidden_state
    given = states(whole, frozen) if frozen else IDS
    cut = TunableTransformer(whole, frozen)
    torch.testing.assert_close(cut(given, MASK)[HERE], expected[HERE], atol=1e-5, rtol=1e-4)
    with cut.whole() as again, torch.no_grad():
        found = again(input_ids=IDS, attention_mask=MASK).last_hidden_state
    torch.testing.assert_close(found[HERE], expected[HERE])
    torch.testing.assert_close(cut(given, MASK)[HERE], expected[HERE], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_what_frozen_blocks_depend_on_does_not_learn(kind):
    whole = made(kind)
    before = {name: parameter.clone() for name, parameter in whole.named_parameters()}
    prefix = states(whole, 2)
    cut = TunableTransformer(whole, 2)
    optimiser = torch.optim.SGD(cut.learnable, lr=0.1)
    cut(prefix, MASK).pow(3).sum().backward()
    optimiser.step()
    with cut.whole() as again:
        torch.testing.assert_close(states(again, 2), prefix)
        after = dict(again.named_parameters())
    moved = {name for name, parameter in after.items() if not torch.equal(parameter, before[name])}
    # Only the last block's, and those of what stands behind it.
    blocks = {name.split(".2.")[0] for name in moved if ".2." in name or name.startswith("h.2.")}
    behind = {name for name in moved if ".2." not in name}
    assert len(blocks) == 1
    assert all("norm" in name or "ln_f" in name for name in behind)
    assert sum(p.numel() for p in cut.learnable) == sum(after[name].numel() for name in moved)


def test_with_nothing_frozen_the_embedding_learns_too():
    cut = TunableTransformer(made("Bert"), 0)
    names = {name for name, parameter in cut.model.named_parameters() if parameter.requires_grad}
    assert "embeddings.word_embeddings.weight" in names
    # Nothing reads the pooler.
    assert not any(name.startswith("pooler") for name in names)


@pytest.mark.parametrize("frozen", [-1, 3, 7])
def test_a_block_that_is_not_there_is_refused(frozen):
    with pytest.raises(EncoderError, match="of the encoder's 3 blocks cannot be frozen") as refused:
        TunableTransformer(made("Bert"), frozen)
    assert "0 to 2" in refused.value.fix


def test_blocks_that_share_their_weights_cannot_be_cut():
    model = transformers.AlbertModel(transformers.AlbertConfig(**_SIZE, embedding_size=16)).eval()
    with pytest.raises(EncoderError, match="no list of 3 of them"):
        TunableTransformer(model, 1)
    assert TunableTransformer(model, 0).learnable


def test_what_blocks_share_beside_their_states_is_noticed():
    class Talking(transformers.BertModel):
        """Its last block reads what the first one has left behind."""

    model = Talking(transformers.BertConfig(**_SIZE)).eval()
    first, last = model.encoder.layer[0], model.encoder.layer[2]
    first.register_forward_hook(lambda _, __, output: setattr(last, "left", output))
    last.register_forward_hook(lambda block, _, output: output + block.left)
    with pytest.raises(EncoderError, match="share more than"):
        TunableTransformer(model, 1)


@pytest.mark.parametrize("frozen", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_checkpoints_change_no_gradient(kind, frozen):
    given = states(made(kind), frozen) if frozen else IDS
    found = []
    for checkpointed in (False, True):
        cut = TunableTransformer(made(kind), frozen, checkpointed=checkpointed)
        out = cut(given, MASK)
        out[HERE].pow(3).sum().backward()
        found.append([out[HERE].detach(), *(parameter.grad for parameter in cut.learnable)])
    for plain, checkpointed in zip(*found, strict=True):
        torch.testing.assert_close(checkpointed, plain, rtol=0, atol=0)


def test_checkpoints_hold_less_of_a_block():
    def held(checkpointed: bool) -> int:
        cut, kept = TunableTransformer(made("Bert"), 0, checkpointed=checkpointed), []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
            cut(IDS, MASK)
        return sum(kept)

    assert held(True) < held(False) / 2


def test_checkpoints_draw_the_same_dropout_twice():
    cut = TunableTransformer(made("Bert"), 1, checkpointed=True).train()
    given = states(made("Bert"), 1)
    torch.manual_seed(3)
    cut(given, MASK)[HERE].pow(3).sum().backward()
    plain = TunableTransformer(made("Bert"), 1).train()
    torch.manual_seed(3)
    plain(given, MASK)[HERE].pow(3).sum().backward()
    for ours, theirs in zip(cut.learnable, plain.learnable, strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=0)


def test_what_has_no_list_of_blocks_cannot_be_checkpointed():
    model = transformers.AlbertModel(transformers.AlbertConfig(**_SIZE, embedding_size=16)).eval()
    with pytest.raises(EncoderError, match="cannot be checkpointed"):
        TunableTransformer(model, 0, checkpointed=True)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_can_stay_off_while_it_learns(kind):
    found = {}
    for drops in (False, True):
        whole = made(kind)
        for module in whole.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.5
        cut = TunableTransformer(whole, 1, drops=drops).train()
        given = states(made(kind), 1)
        first, second = (cut(given, MASK)[HERE] for _ in range(2))
        found[drops] = torch.equal(first, second)
        assert first.requires_grad
    assert found[False]
    assert not found[True] or not any(isinstance(m, nn.Dropout) for m in made(kind).modules())
