"""What is left of an encoder computes what the whole one does with the rest silenced."""

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
import transformers
from torch import nn

from graphtune.encoder import Transformer
from graphtune.encoder.block_parts import parts_of
from graphtune.encoder.fused import FusedBert
from graphtune.encoder.loading import load_model
from graphtune.encoder.pruned import FILE, BlockShape, cut, keep_blocks, shapes_of, write_shapes
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
KINDS: dict[str, dict[str, Any]] = {
    "Bert": _SIZE,
    "Roberta": _SIZE,
    "XLMRoberta": _SIZE,
    "Electra": _SIZE | {"embedding_size": 16},
    "MPNet": _SIZE,
    "DistilBert": {"vocab_size": 50, "dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 64},
}
HEADS = [[1, 3], [0, 1, 2, 3], [2]]
UNITS = [list(range(0, 64, 2)), list(range(16)), list(range(64))]
IDS = torch.tensor([[4, 9, 3, 12, 7, 8, 22, 31], [6, 5, 2, 0, 0, 0, 0, 0]])
MASK = (IDS > 0).long()


def made(kind: str) -> nn.Module:
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**KINDS[kind])
    model = getattr(transformers, f"{kind}Model")(config)
    with torch.no_grad():  # so that no part is as good as another
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval().requires_grad_(False)


def states(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=IDS, attention_mask=MASK).last_hidden_state[MASK.bool()]


def silenced(model: nn.Module) -> nn.Module:
    """Zero what the heads and units that go put out; nothing becomes smaller."""

    def silent(kept: list[int], width: int, groups: int):
        mask = torch.zeros(groups, width)
        mask[kept] = 1
        return lambda _, given: (given[0] * mask.flatten(),)

    for part, heads, units in zip(parts_of(model), HEADS, UNITS, strict=True):
        part.joined.register_forward_pre_hook(silent(heads, 8, 4))
        part.outer.register_forward_pre_hook(silent(units, 1, 64))
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_left_equals_the_whole_with_the_rest_silenced(kind, tmp_path):
    model, whole = made(kind), states(made(kind))
    expected = states(silenced(deepcopy(model)))
    assert not torch.allclose(expected, whole, atol=1e-2)
    cut(model, HEADS, UNITS)
    torch.testing.assert_close(states(model), expected, atol=1e-5, rtol=1e-4)
    assert [(part.heads, part.units) for part in parts_of(model)] == [(2, 32), (4, 16), (1, 64)]
    model.save_pretrained(tmp_path)
    write_shapes(model, tmp_path)
    before = torch.random.get_rng_state()
    read = load_model(tmp_path, torch.float32)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert shapes_of(read) == shapes_of(model)
    torch.testing.assert_close(states(read.eval()), states(model))
    own, theirs = read.state_dict(), model.state_dict()
    assert all(torch.equal(own[name], theirs[name]) for name in own)


@pytest.mark.parametrize("kind", KINDS)
def test_what_keeps_everything_stays_bit_for_bit(kind):
    model = made(kind)
    expected = states(model)
    cut(model, [range(4)] * 3, [range(64)] * 3)
    keep_blocks(model, range(3))
    assert torch.equal(states(model), expected)


@pytest.mark.parametrize("kind", ["Bert", "MPNet"])
def test_cutting_twice_is_cutting_once(kind):
    once, twice = made(kind), made(kind)
    cut(twice, [[1, 2, 3], [0, 1, 2, 3], [0, 2]], [range(64)] * 3)
    cut(twice, [[0, 2], [0, 1, 2, 3], [1]], UNITS)
    cut(once, HEADS, UNITS)
    assert shapes_of(twice) == shapes_of(once)
    assert torch.equal(states(twice), states(once))


@pytest.mark.parametrize("kind", ["Bert", "MPNet", "DistilBert"])
def test_units_cut_alike_and_fewer_blocks_are_read_by_transformers_alone(kind, tmp_path):
    model = made(kind)
    keep_blocks(model, [0, 2])
    cut(model, [range(4)] * 2, [range(24), range(8, 32)])
    model.save_pretrained(tmp_path)
    (tmp_path / FILE).write_text("of what it was cut out of")
    write_shapes(model, tmp_path)
    assert not (tmp_path / FILE).exists()
    theirs = transformers.AutoModel.from_pretrained(tmp_path)
    torch.testing.assert_close(states(theirs.eval()), states(model))
    assert [part.units for part in parts_of(theirs)] == [24, 24]


def test_transformers_alone_refuses_what_it_would_read_wrongly(tmp_path):
    model = made("Bert")
    cut(model, HEADS, UNITS)
    model.save_pretrained(tmp_path)
    with pytest.raises(RuntimeError, match=r"size|mismatch|shape"):
        transformers.AutoModel.from_pretrained(tmp_path)


@pytest.mark.parametrize("one_dnn", [True, False])
def test_the_fused_path_computes_the_same(one_dnn):
    model = made("Bert")
    cut(model, HEADS, UNITS)
    arranged = FusedBert.of(model)
    assert arranged is not None
    *_, found = replace(arranged, one_dnn=one_dnn).states(IDS, MASK.bool())
    torch.testing.assert_close(found[MASK.bool()], states(model), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["Bert", "MPNet"])
def test_its_top_blocks_can_be_tuned(kind):
    model = made(kind)
    cut(model, HEADS, UNITS)
    expected = states(model)
    model.requires_grad_(True)
    found = TunableTransformer(model, 2)
    assert sum(p.numel() for p in found.levels[0]) > 0
    with found.whole() as whole:
        torch.testing.assert_close(states(whole), expected)


@pytest.mark.parametrize("kind", ["GPT2", "ModernBert"])
def test_an_unknown_architecture_is_told(kind):
    config = getattr(transformers, f"{kind}Config")(**_SIZE, pad_token_id=0, bos_token_id=1, eos_token_id=2)
    model = getattr(transformers, f"{kind}Model")(config)
    with pytest.raises(EncoderError, match="are not known") as caught:
        cut(model, HEADS, UNITS)
    assert "bert" in caught.value.fix


@pytest.mark.parametrize(
    "said",
    [
        {"blocks": []},
        {"blocks": [{"heads": [0, 9], "units": 16}] * 3},
        {"blocks": [{"heads": [0], "units": 640}] * 3},
        {"blocks": [{"heads": [], "units": 16}] * 3},
        {"blocks": [{"heads": [1, 0], "units": 16}] * 3},
        {"blocks": [{"heads": ["0"], "units": 16}] * 3},
        {"blocks": [{"heads": [0], "units": 0}] * 3},
        {"blocks": [{"heads": [0], "units": 16}] * 3},
        {"blocks": 3},
        {},
        {"format": 2, "blocks": []},
        [],
    ],
)
def test_a_damaged_file_is_told(said, tiny_bert, tmp_path):
    for file in tiny_bert.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / FILE).write_text(json.dumps(said))
    with pytest.raises(EncoderError, match=r"pruned\.json"):
        load_model(tmp_path, torch.float32)


def test_the_file_belongs_to_the_fingerprint(tiny_bert, tmp_path):
    for file in tiny_bert.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    before = Transformer(str(tmp_path)).fingerprint
    (tmp_path / FILE).write_text("{}")
    assert Transformer(str(tmp_path)).fingerprint != before


def test_shapes_count_the_heads_as_they_once_were():
    model = made("Bert")
    cut(model, HEADS, UNITS)
    assert shapes_of(model)[0] == BlockShape((1, 3), 32)
