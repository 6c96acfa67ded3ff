import json
import random

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from graphtune.encoder import Encoder, FittedEncoder, FittedTfidf, Tfidf
from graphtune.encoder.terms import terms
from graphtune.errors import EncoderError

TEXTS = [
    "the quick red fox jumps over the lazy dog",
    "a quick brown dog sleeps",
    "今天天气很好，我们去公园",
    "red red red fox",
    "the the the",
    "",
    "😀",
]


def _many(number: int) -> list[str]:
    draw = random.Random(0)
    words = [f"word{i}" for i in range(200)]
    return [" ".join(draw.choices(words, k=12)) for _ in range(number)]


@pytest.mark.parametrize("min_df", [1, 2])
def test_sparse_equals_scikit_learn(min_df):
    texts = TEXTS + _many(30)
    ours = Tfidf(min_df=min_df).fit(texts)
    theirs = TfidfVectorizer(analyzer=terms, sublinear_tf=True, min_df=min_df)
    expected = theirs.fit_transform(texts)
    assert ours.vocabulary == tuple(theirs.get_feature_names_out())
    np.testing.assert_allclose(ours.sparse(texts).toarray(), expected.toarray(), atol=1e-6)
    new = ["quick unknown fox", "天气"]
    np.testing.assert_allclose(ours.sparse(new).toarray(), theirs.transform(new).toarray(), atol=1e-6)


def test_most_frequent_terms_are_kept():
    fitted = Tfidf(max_features=2).fit(["zebra apple", "zebra apple pear", "zebra pear"])
    assert fitted.vocabulary == ("apple", "zebra")


def test_dense_keeps_what_the_exact_decomposition_keeps():
    texts = _many(60)
    fitted = Tfidf(width=20, dense_terms=10_000).fit(texts)
    matrix = fitted.sparse(texts).toarray()
    exact = np.linalg.svd(matrix, compute_uv=False)
    kept = np.linalg.norm(matrix @ fitted.components.numpy())
    assert kept == pytest.approx(np.linalg.norm(exact[:20]), rel=0.02)


def test_full_width_keeps_every_cosine():
    fitted = Tfidf(width=1000).fit(TEXTS)
    sparse, dense = fitted.sparse(TEXTS), fitted.encode(TEXTS)
    np.testing.assert_allclose((dense @ dense.T).numpy(), (sparse @ sparse.T).toarray(), atol=1e-5)


def test_rows_have_norm_one_or_are_zero():
    fitted = Tfidf(width=4).fit(TEXTS)
    rows = fitted.encode([*TEXTS, "nothing known here"])
    there = torch.tensor([1.0, 1, 1, 1, 1, 0, 0, 0])
    torch.testing.assert_close(rows.norm(dim=1), there)
    assert fitted.encode([]).shape == (0, fitted.width)
    assert fitted.sparse([]).shape == (0, len(fitted.vocabulary))


def test_width_is_capped_by_the_data():
    assert Tfidf(width=256).fit(["red fox", "blue dog"]).width == 2


def test_same_seed_same_bits():
    texts = _many(50)
    one, two = Tfidf(width=8).fit(texts), Tfidf(width=8).fit(texts)
    assert one.fingerprint == two.fingerprint
    assert torch.equal(one.encode(texts), two.encode(texts))
    assert Tfidf(width=8).fit(texts[1:]).fingerprint != one.fingerprint


def test_restored_from_json_and_tensors():
    fitted = Tfidf(width=4).fit(TEXTS)
    state = json.loads(json.dumps(fitted.state()))
    again = FittedTfidf.restore(state, fitted.tensors())
    assert again.settings == fitted.settings
    assert again.fingerprint == fitted.fingerprint
    assert torch.equal(again.encode(TEXTS), fitted.encode(TEXTS))


def test_restoring_what_does_not_fit_is_refused():
    fitted = Tfidf(width=4).fit(TEXTS)
    with pytest.raises(EncoderError, match="version 99"):
        FittedTfidf.restore({**fitted.state(), "version": 99}, fitted.tensors())
    with pytest.raises(EncoderError, match="1 terms"):
        FittedTfidf.restore({**fitted.state(), "vocabulary": ["fox"]}, fitted.tensors())


def test_texts_without_a_word():
    with pytest.raises(EncoderError, match="None of the 3 texts"):
        Tfidf().fit(["", "😀", "!"])
    with pytest.raises(EncoderError, match="No term occurs in 3"):
        Tfidf(min_df=3).fit(["red", "blue fox", "dog"])


def test_settings_below_one():
    with pytest.raises(EncoderError, match=r"encoder\.width = 0"):
        Tfidf(width=0)


def test_is_an_encoder():
    assert isinstance(Tfidf(), Encoder)
    assert isinstance(Tfidf().fit(TEXTS), FittedEncoder)
    assert Tfidf(min_df=2).describe() == {
        "kind": "Tfidf",
        "width": 256,
        "min_df": 2,
        "max_features": 400_000,
        "dense_terms": 30_000,
        "seed": 0,
    }
