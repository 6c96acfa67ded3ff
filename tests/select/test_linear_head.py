"""The linear head against scikit-learn."""

import numpy as np
import pytest
import scipy.sparse
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from graphtune.select.linear import LinearHead, rows_of


def rows(classes: int, *, sparse: bool):
    random = np.random.default_rng(0)
    labels = np.arange(60, dtype=np.int64) % classes
    x = (random.normal(size=(60, 7)) + 0.7 * random.normal(size=(classes, 7))[labels]).astype(np.float32)
    if sparse:
        return scipy.sparse.csr_array(np.where(np.abs(x) > 0.8, x, 0)), labels
    return torch.from_numpy(x), labels


def reference(x, labels, strength: float, weights=None, *, tolerance: float = 1e-4) -> np.ndarray:
    plain = x.numpy() if isinstance(x, torch.Tensor) else x
    model = LogisticRegression(C=strength, max_iter=200 if tolerance == 1e-4 else 9999, tol=tolerance)
    return model.fit(plain, labels, sample_weight=weights).predict_proba(plain)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("strength", [0.5, 5.0])
def test_equals_scikit_learn(classes, strength, sparse):
    x, labels = rows(classes, sparse=sparse)
    found = LinearHead.fit(x, labels, classes, strength=strength).probabilities(x)
    np.testing.assert_allclose(found, reference(x, labels, strength), atol=1e-5)
    optimum = reference(x, labels, strength, tolerance=1e-9)
    np.testing.assert_allclose(found, optimum, atol=0.005)


def test_many_classes_with_features_averaged_almost_alike_are_still_learned():
    # The gradient at zero weights is here below the tolerance that scikit-learn starts from.
    labels = np.repeat(np.arange(150, dtype=np.int64), 5)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(150, 384)).astype(np.float32))
    x = torch.nn.functional.normalize(x)[torch.from_numpy(labels)] * 0.01
    found = LinearHead.fit(x, labels, 150, strength=5000.0).probabilities(x)
    assert (found.argmax(axis=1) == labels).all()


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("count", [1, 20, 60])
def test_few_rows_of_many_features_are_learned_as_by_all_features(count, classes):
    random = np.random.default_rng(1)
    labels = np.arange(60, dtype=np.int64) % classes
    x = (random.normal(size=(60, 240)) + random.normal(size=(classes, 240))[labels]).astype(np.float32)
    x[1::2] = x[::2]  # rows that are there twice, and span less than there are of them
    rows, own = torch.from_numpy(x[:count]), labels[:count]
    found = LinearHead.fit(rows, own, classes, strength=0.05)
    assert found.weight.shape == (240, classes)
    if len(set(own)) < classes:
        return
    new = torch.from_numpy(x[::-1].copy())
    model = LogisticRegression(C=0.05, max_iter=9999, tol=1e-6).fit(rows.numpy(), own)
    np.testing.assert_allclose(found.probabilities(new), model.predict_proba(new.numpy()), atol=0.01)


def test_weights_count_as_copies():
    x, labels = rows(3, sparse=False)
    weights = np.ones(60, dtype=np.float32)
    weights[:20] = 3
    found = LinearHead.fit(x, labels, 3, strength=1.0, weights=weights).probabilities(x)
    np.testing.assert_allclose(found, reference(x, labels, 1.0, weights), atol=1e-5)
    copied = torch.cat([x, x[:20], x[:20]])
    twice = np.concatenate([labels, labels[:20], labels[:20]])
    again = LinearHead.fit(copied, twice, 3, strength=1.0).probabilities(x)
    np.testing.assert_allclose(found, again, atol=0.02)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(("seen", "classes"), [((0, 2), 4), ((1, 2, 4), 5)])
def test_a_class_without_rows_is_never_predicted_and_changes_nothing_else(seen, classes, sparse):
    x, labels = rows(len(seen), sparse=sparse)
    found = LinearHead.fit(x, np.array(seen)[labels], classes, strength=1.0).probabilities(x)
    np.testing.assert_allclose(found[:, seen], reference(x, labels, 1.0), atol=1e-5)
    missing = np.setdiff1d(np.arange(classes), seen)
    assert found[:, missing].max() < 1e-9
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_one_class_is_certain():
    x, _ = rows(3, sparse=False)
    found = LinearHead.fit(x[:5], np.full(5, 1), 3, strength=1.0).probabilities(x)
    assert (found[:, 1] > 0.999).all()


def test_is_restored_from_its_tensors():
    x, labels = rows(3, sparse=True)
    head = LinearHead.fit(x, labels, 3, strength=1.0)
    assert np.array_equal(LinearHead.restored(head.tensors()).probabilities(x), head.probabilities(x))


def test_some_rows_of_either_kind():
    dense, _ = rows(3, sparse=False)
    chosen = np.array([4, 1])
    assert torch.equal(rows_of(dense, chosen), dense[[4, 1]])
    sparse = scipy.sparse.csr_array(dense.numpy())
    assert np.array_equal(rows_of(sparse, chosen).toarray(), dense[[4, 1]].numpy())


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("classes", [2, 4])
def test_the_squared_hinge_decides_as_scikit_learns_svm(classes, sparse):
    x, labels = rows(classes, sparse=sparse)
    weights = np.linspace(0.5, 2, 60).astype(np.float32)
    found = LinearHead.fit(x, labels, classes, strength=0.5, weights=weights, loss="squared hinge")
    plain = x.numpy() if isinstance(x, torch.Tensor) else x
    oracle = LinearSVC(C=0.5, random_state=0).fit(plain, labels, sample_weight=weights)
    assert np.array_equal(found.probabilities(x).argmax(axis=1), oracle.predict(plain))
    scores = oracle.decision_function(plain)
    logs = np.log(found.probabilities(x))
    expected = np.stack([-scores, scores], axis=1) / 2 if classes == 2 else scores
    np.testing.assert_allclose(logs - logs[:, :1], expected - expected[:, :1], atol=1e-4)
