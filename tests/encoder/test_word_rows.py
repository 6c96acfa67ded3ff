"""Words with rows: the tokens of a transformer or what was distilled from it, the terms of a TF-IDF."""

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from graphtune.encoder import Static, Tfidf, Transformer
from graphtune.encoder.word_rows import WordRows
from graphtune.errors import EncoderError

TEXTS = ["the cat sat on the mat", "", "😀", "slow 你好", "the 😀 dog"]


def test_a_transformer_has_the_tokens_that_static_distils_from_it(tiny_bert):
    found = WordRows.of(Transformer(str(tiny_bert)))
    table = Static(str(tiny_bert)).fit(()).table.rows
    factor = found.rows[7] / table[7]
    torch.testing.assert_close(found.rows, table * factor.mean())
    spoken = found.rows[found.rows.any(dim=1)]
    assert float(spoken.square().mean()) == pytest.approx(1, abs=1e-5)
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    words, starts = found.numbered(TEXTS)
    for text, first, last in zip(TEXTS, starts, starts[1:], strict=False):
        expected = tokenizer(text, add_special_tokens=False)["input_ids"]
        known = [number for number in expected if number != tokenizer.unk_token_id]
        assert words[first:last].tolist() == known
    assert np.diff(starts).tolist() == [6, 0, 0, 3, 2]


def test_many_texts_are_numbered_as_each_alone(tiny_bert):
    found = WordRows.of(Static(str(tiny_bert)).fit(()))
    words, starts = found.numbered(TEXTS * 20)  # so many that their words are looked up
    each = [found.numbered([text])[0] for text in TEXTS * 20]
    assert words.tolist() == np.concatenate(each).tolist()
    assert starts.tolist() == np.cumsum([0, *map(len, each)]).tolist()


def test_a_tf_idf_has_its_terms_but_no_pairs_of_words():
    fitted = Tfidf(width=3).fit(["red cat", "red dog", "cat dog bird", "猫 red"])
    found = WordRows.of(fitted)
    words, starts = found.numbered(["the Red bird, a cat!", "fish"])
    names = [fitted.vocabulary[column] for column in fitted.dense_columns.tolist()]
    assert [names[word] for word in words] == ["red", "bird", "cat"]
    assert starts.tolist() == [0, 3, 3]
    ratio = found.rows / fitted.components
    torch.testing.assert_close(ratio, ratio[:1, :1].expand_as(ratio))


def test_any_other_encoder_is_refused():
    class Foreign:
        width = parameters = 1
        fingerprint = ""

        def encode(self, texts):
            return torch.zeros(len(texts), 1)

    with pytest.raises(EncoderError, match="Foreign has no rows of single words"):
        WordRows.of(Foreign())
