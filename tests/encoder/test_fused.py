from dataclasses import replace

import pytest
import torch
from transformers import BertConfig, BertModel, RobertaConfig, RobertaModel

from graphtune.encoder import fused
from graphtune.encoder.fused import FusedBert

_SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}


def _bert(**settings) -> BertModel:
    torch.manual_seed(0)
    return BertModel(BertConfig(vocab_size=50, **_SIZE, **settings)).eval().requires_grad_(False)


@pytest.mark.parametrize("one_dnn", [True, False])
@pytest.mark.parametrize("padding", [0, 3])
def test_every_state_equals_that_of_transformers(one_dnn, padding):
    model = _bert()
    arranged = FusedBert.of(model)
    assert arranged is not None
    ids, mask = torch.randint(1, 50, (3, 9)), torch.ones(3, 9, dtype=torch.bool)
    mask[1, 9 - padding :] = False
    expected = model(input_ids=ids, attention_mask=mask.long(), output_hidden_states=True).hidden_states
    found = list(replace(arranged, one_dnn=one_dnn).states(ids, mask))
    assert len(found) == len(expected) == 3
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours[mask], theirs[mask])


def test_what_is_computed_differently_is_left_to_transformers():
    roberta = RobertaModel(RobertaConfig(vocab_size=50, **_SIZE))
    assert FusedBert.of(roberta) is None
    assert FusedBert.of(_bert(hidden_act="relu")) is None


def test_a_build_without_the_fused_operations_is_noticed(monkeypatch):
    def missing(*_: object) -> None:
        raise RuntimeError("mkldnn_linear_pointwise: this processor lacks it")

    assert fused._fuses(torch.ones(1)) == torch.backends.mkldnn.is_available()
    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", missing)
    assert not fused._fuses(torch.ones(1))
    arranged = FusedBert.of(_bert())
    assert arranged is not None
    assert not arranged.one_dnn
