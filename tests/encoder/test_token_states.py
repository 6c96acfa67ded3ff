"""The states of tokens, on disk: the same as computed, whatever the order, the kill or the damage."""

import numpy as np
import pytest
import torch

from graphtune.encoder import Cache, Transformer, token_states
from graphtune.encoder.token_states import TokenStates
from graphtune.errors import EncoderError, OutputError

TEXTS = ["the cat sat", "a dog", "", "the quick red tree ran on the mat", "a dog", "你好", "slow"]


@pytest.fixture
def encoder(tiny_bert) -> Transformer:
    return Transformer(str(tiny_bert), precision="float32")


def expected(encoder: Transformer, text: str, block: int) -> torch.Tensor:
    loaded = encoder.loaded
    (ids,) = loaded.tokens([text], encoder.max_tokens)
    return loaded.states([ids], len(ids), (block,))[0][block][0].to(torch.bfloat16).float()


def padded(found: TokenStates) -> list[torch.Tensor]:
    states, mask = found.padded(np.arange(len(TEXTS)))
    return [row[there.bool()] for row, there in zip(states, mask, strict=True)]


@pytest.mark.parametrize("block", [1, 2])
def test_every_text_has_the_states_of_its_tokens(encoder, block):
    found = padded(TokenStates.of(encoder, TEXTS, block))
    for text, rows in zip(TEXTS, found, strict=True):
        if text:
            # bfloat16 keeps eight bits, and a batch may round the last one otherwise.
            torch.testing.assert_close(rows, expected(encoder, text, block), atol=0.02, rtol=0.02)
        else:
            assert torch.equal(rows, torch.zeros(1, encoder.width))


def test_a_second_time_nothing_is_computed_in_whatever_order(encoder, monkeypatch):
    first = padded(TokenStates.of(encoder, TEXTS, 1))

    def never(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(token_states, "_computed", never)
    second = padded(TokenStates.of(encoder, TEXTS, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    TokenStates.of(encoder, TEXTS[::-1], 1)
    with pytest.raises(AssertionError, match="again"):
        TokenStates.of(encoder, [*TEXTS, "more"], 1)


def test_what_a_kill_left_undone_is_done(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(token_states, "_SHARD_BYTES", 400)
    whole = padded(TokenStates.of(encoder, TEXTS, 1, cache=Cache(tmp_path / "a")))
    compute, calls = token_states._computed, []

    def dying(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return compute(*arguments)

    monkeypatch.setattr(token_states, "_computed", dying)
    with pytest.raises(KeyboardInterrupt):
        TokenStates.of(encoder, TEXTS, 1, cache=Cache(tmp_path / "b"))
    again = padded(TokenStates.of(encoder, TEXTS, 1, cache=Cache(tmp_path / "b")))
    shards = len(list((tmp_path / "a").rglob("*.safetensors")))
    assert shards > 3
    assert len(calls) == shards + 1  # the one that was cut short twice
    assert all(torch.equal(a, b) for a, b in zip(whole, again, strict=True))


def test_a_damaged_shard_is_computed_again(encoder, own_cache):
    first = padded(TokenStates.of(encoder, TEXTS, 1))
    (shard,) = own_cache.rglob("*.safetensors")
    content = bytearray(shard.read_bytes())
    content[-3] ^= 1
    shard.write_bytes(content)
    second = padded(TokenStates.of(encoder, TEXTS, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_cache_that_cannot_be_written_to_costs_a_note_only(encoder, monkeypatch, capsys):
    kept = padded(TokenStates.of(encoder, TEXTS, 1))

    def full(*_: object):
        raise OutputError("The disk is full.", fix="free some space.")

    monkeypatch.setattr(token_states, "written", full)
    found = padded(TokenStates.of(encoder, TEXTS, 2))
    assert len(found) == len(kept)
    assert capsys.readouterr().err.count("The disk is full") <= 1


def test_blank_texts_alone_have_states_too(encoder):
    states, mask = TokenStates.of(encoder, ["", " "], 1).padded(np.arange(2))
    assert states.shape == (2, 1, encoder.width)
    assert mask.tolist() == [[1], [1]]


def test_no_such_block_is_told(encoder):
    with pytest.raises(EncoderError, match="no block 9"):
        TokenStates.of(encoder, TEXTS, 9)
