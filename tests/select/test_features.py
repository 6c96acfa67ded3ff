"""Rows of every view are of length 1, or of zeros, whatever the encoder and the TF-IDF know of a text."""

import numpy as np
import pytest
import scipy.sparse

from graphtune.encoder import Tfidf
from graphtune.errors import PlanError
from graphtune.select import FeatureMaker, Features

KNOWN = ("refund my money", "the parcel is late", "money for the parcel", "refund the late parcel")
# The two know different terms: both know the first text, one or the other the next two, none the last.
ASKED = ("refund the parcel", "zebra", "money", "nothing of it")


@pytest.fixture
def features() -> Features:
    meaning = Tfidf(width=3).fit(("refund the zebra", "the parcel and the zebra", "a zebra"))
    return FeatureMaker(meaning, Tfidf(width=4).fit(KNOWN)).features(ASKED)


def dense(features: Features, view: str) -> np.ndarray:
    found = getattr(features, view)
    return found.toarray() if isinstance(found, scipy.sparse.csr_array) else found.numpy()


@pytest.mark.parametrize(
    ("view", "lengths"),
    [("meaning", [1, 1, 0, 0]), ("words", [1, 0, 1, 0]), ("both", [1, 1, 1, 0]), ("all", [1, 1, 1, 0])],
)
def test_rows_are_of_length_one_or_zero(view, lengths, features):
    found = dense(features, view)
    np.testing.assert_allclose(np.linalg.norm(found.astype(np.float64), axis=1), lengths, atol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("view", ["words", "all"])
def test_a_sparse_view_is_never_taken_for_a_dense_one(view, features):
    with pytest.raises(PlanError, match=f"dense views only, and '{view}' is none"):
        features.dense(view)


@pytest.mark.parametrize(
    ("view", "second", "share"), [("both", "topics", 0.3), ("even", "topics", 0.5), ("all", "words", 0.7)]
)
def test_a_fused_row_is_both_its_parts(view, second, share, features):
    meaning, words, found = (dense(features, name) for name in ("meaning", second, view))
    known = np.concatenate([np.sqrt(1 - share) * meaning[0], np.sqrt(share) * words[0]])
    np.testing.assert_allclose(found[0], known, atol=1e-6)
    # A part that is alone is as it would be without the other.
    np.testing.assert_allclose(found[1], [*meaning[1], *0 * words[1]], atol=1e-6)
    np.testing.assert_allclose(found[2], [*0 * meaning[2], *words[2]], atol=1e-6)
