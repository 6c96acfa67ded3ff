from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
from transformers import AutoTokenizer

from graphtune.encoder.loading import LoadedTransformer

TEXTS = [
    "Where is my card?",
    "",
    "[CLS] and [SEP] as words",
    "我的卡在哪里？",
    "card " * 40,
    "ab\ud800cd",
    "É É",
]


@pytest.mark.parametrize("most", [3, 16, 10_000])
@pytest.mark.parametrize("count", [7, 1_000])  # a thread's part; several
def test_tokens_are_those_of_transformers(tiny_bert, most, count, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    texts = [TEXTS[row % len(TEXTS)] + (f" {row}" if row >= len(TEXTS) else "") for row in range(count)]
    loaded = LoadedTransformer.load(tiny_bert, torch.device("cpu"), torch.float32)
    theirs = AutoTokenizer.from_pretrained(tiny_bert)
    readable = [text.replace("\ud800", "?") for text in texts]
    expected = theirs(readable, truncation=True, max_length=min(most, theirs.model_max_length))["input_ids"]
    assert loaded.tokens(texts, most) == expected


def test_a_tokenizer_in_python_is_read_too(tiny_bert):
    class InPython:
        model_max_length, pad_token_id = 8, 0

        def __call__(self, texts, *, max_length, **_):
            return {"input_ids": [[len(word) for word in text.split()][:max_length] for text in texts]}

    loaded = LoadedTransformer.load(tiny_bert, torch.device("cpu"), torch.float32)
    slow = LoadedTransformer(InPython(), loaded.model, loaded.device, 8, 0, None)
    assert slow.tokens(["a bcd ef", ""] * 200, 2) == [[1, 3], []] * 200


def test_threads_may_share_a_tokenizer_from_the_first_call_on(tiny_bert):
    loaded = LoadedTransformer.load(tiny_bert, torch.device("cpu"), torch.float32)
    texts = [f"where is card {row}" for row in range(300)]
    ready = Barrier(4)

    def tokens(_: int) -> list[list[int]]:
        ready.wait()
        return loaded.tokens(texts, 4)

    with ThreadPoolExecutor(4) as threads:
        first, *others = threads.map(tokens, range(4))
    assert all(found == first for found in others)
    assert {len(text) for text in first} == {4}


def test_special_tokens_are_cut_where_the_directory_says_so(tiny_bert):
    loaded = LoadedTransformer.load(tiny_bert, torch.device("cpu"), torch.float32)
    whole = loaded.tokens(["[SEP]"], 16)
    loaded.tokenizer.split_special_tokens = True
    assert len(loaded.tokens(["[SEP]"], 16)[0]) > len(whole[0])
