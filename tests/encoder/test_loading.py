import pytest
import torch
from transformers import AutoTokenizer

from graphtune.encoder.loading import LoadedTransformer
from graphtune.encoder.transformer import Transformer

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
def test_tokens_are_those_of_transformers(tiny_bert, most, count):
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


def test_two_threads_may_encode_at_once(tiny_bert):
    from concurrent.futures import ThreadPoolExecutor

    encoder = Transformer(str(tiny_bert), max_tokens=16)
    texts = [f"where is card {row}" for row in range(300)]
    alone = encoder.encode(texts)
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(lambda _: encoder.encode(texts), range(4)):
            torch.testing.assert_close(found, alone)
