"""A tuned transformer as a directory: transformers, we and sentence-transformers read the same of it."""

import importlib.util

import pytest
import torch

from graphtune.encoder import Transformer
from graphtune.encoder.export import export
from graphtune.encoder.tunable import TunableTransformer
from graphtune.errors import EncoderError

TEXTS = ["the cat sat", "a dog on the mat", "red"]


def moved(tiny_bert, into, *, pooling: str = "mean") -> TunableTransformer:
    cut = TunableTransformer.load(tiny_bert, 2)
    with torch.no_grad():
        for parameter in cut.learnable:
            parameter.add_(0.05)
    with cut.whole() as whole:
        export(whole, tiny_bert, into, pooling=pooling, max_tokens=32)
    return cut


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_what_was_tuned_is_what_is_read(tiny_bert, tmp_path, pooling):
    cut = moved(tiny_bert, tmp_path / "tuned", pooling=pooling)
    encoder = Transformer(str(tmp_path / "tuned"), precision="float32")
    assert encoder.pooled_by == pooling
    before = Transformer(str(tiny_bert), pooling=pooling, precision="float32").encode(TEXTS)
    found = encoder.encode(TEXTS)
    assert not torch.allclose(found, before, atol=1e-3)
    (ids,) = encoder.loaded.tokens(TEXTS[:1], 32)
    with cut.whole() as whole, torch.no_grad():
        states = whole(input_ids=torch.tensor([ids])).last_hidden_state[0]
    row = states[0] if pooling == "cls" else states.mean(dim=0)
    torch.testing.assert_close(found[0], torch.nn.functional.normalize(row, dim=0), atol=1e-5, rtol=1e-4)


@pytest.mark.skipif(importlib.util.find_spec("sentence_transformers") is None, reason="not installed")
def test_sentence_transformers_reads_the_same(tiny_bert, tmp_path):
    from sentence_transformers import SentenceTransformer

    moved(tiny_bert, tmp_path / "tuned")
    ours = Transformer(str(tmp_path / "tuned"), precision="float32").encode(TEXTS)
    theirs = SentenceTransformer(str(tmp_path / "tuned"), device="cpu").encode(TEXTS)
    torch.testing.assert_close(ours, torch.from_numpy(theirs), atol=1e-5, rtol=1e-4)


def test_a_source_without_a_tokenizer_is_told(tiny_bert, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    cut = TunableTransformer.load(tiny_bert, 2)
    with cut.whole() as whole, pytest.raises(EncoderError, match=r"no tokenizer\.json"):
        export(whole, bare, tmp_path / "tuned", pooling="mean", max_tokens=32)
