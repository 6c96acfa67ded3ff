"""Tokens read word by word are those of whole texts."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from graphtune.encoder import token_reader
from graphtune.encoder.directory import packaged_minilm
from graphtune.encoder.loading import readable
from graphtune.encoder.token_reader import TokenReader

SETTINGS = (packaged_minilm() / "tokenizer.json").read_text(encoding="utf-8")
ODD = [
    "",
    " ",
    "a",
    "Über",
    "naïve",
    "e\u0301",
    " \u0301x",
    "x\u0301 \u0301",
    "card's",
    "don't!!",
    "[SEP]",
    "[ MASK ]",
    "##ing",
]
ODD += [
    "我的卡",
    "a\nb",
    "a\tb",
    "a\u00a0b",
    "a\u2003b",
    "a\x1cb",
    "\x00",
    "\u200b",
    "\ufeffa",
    "Σας",
    "İ",
    "ǅ",
    "🙂",
    "x" * 120,
]


@pytest.fixture(autouse=True, scope="module")
def few_texts_by_words():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_reader, "_FEW", 0)
        yield


def whole(texts, most):
    tokenizer = Tokenizer.from_str(SETTINGS)
    tokenizer.no_padding()
    tokenizer.enable_truncation(most)
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in readable(texts, most)]


def read(texts, most):
    reader = TokenReader.of(SETTINGS, most)
    assert reader.words is not None
    found = []
    for ids, starts in reader.read(texts):
        ends = [*starts.tolist()[1:], len(ids)]
        found += [ids[first:last].tolist() for first, last in zip(starts.tolist(), ends, strict=True)]
    return found


@given(
    texts=st.lists(
        st.lists(st.sampled_from(ODD) | st.text(max_size=8), max_size=12).map(" ".join), max_size=6
    ),
    most=st.integers(1, 20),
)
@settings(max_examples=66, deadline=None)
def test_words_give_the_tokens_of_the_text(texts, most):
    assert read(texts, most) == whole(texts, most)


def test_batches_and_parts_of_threads_make_no_difference(monkeypatch):
    texts = [f"{ODD[row % len(ODD)]} card {row} {ODD[row % 7]}" for row in range(50)]
    monkeypatch.setattr(token_reader, "_TEXTS_AT_ONCE", 20)
    monkeypatch.setattr(token_reader, "_A_THREAD", 3)
    assert read(texts, 9) == whole(texts, 9)


@pytest.mark.parametrize(
    "change",
    [
        {"pre_tokenizer": {"type": "Whitespace"}},
        {"normalizer": None},
        {"added_tokens": [{"content": "New York"}]},
        {"model": {"type": "BPE"}},
    ],
)
def test_other_tokenizers_are_given_whole_texts(change):
    assert token_reader._Words.of(json.loads(SETTINGS)) is not None
    assert token_reader._Words.of(json.loads(SETTINGS) | change) is None
