"""Scores of predictions, with scikit-learn as the oracle."""

import numpy as np
import pytest
from sklearn import metrics

from graphtune.metric import (
    accuracy,
    auroc,
    auroc_interval,
    confusion,
    expected_calibration_error,
    f1_macro,
    f1_micro,
    negative_log_likelihood,
    per_class,
)

CLASSES = 6


@pytest.fixture(params=["all classes", "missing classes", "never right"])
def pair(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions; class 5 is neither, class 4 is predicted only, class 3 occurs only."""
    generator = np.random.default_rng(0)
    labels, predicted = generator.integers(0, CLASSES, (2, 200))
    predicted = np.where(generator.random(200) < 0.5, labels, predicted)
    if request.param == "missing classes":
        labels, predicted = np.minimum(labels, 3), np.minimum(predicted, 4)
        predicted[predicted == 3] = 0
        predicted[0] = 4
    if request.param == "never right":
        predicted = (labels + 1) % CLASSES
    return labels, predicted


def test_accuracy(pair):
    assert accuracy(*pair) == pytest.approx(metrics.accuracy_score(*pair))


def test_label_unseen_in_training_is_never_right():
    assert accuracy(np.array([-1, 0, 7, 1]), np.array([0, 0, 1, 1])) == 0.5


def test_confusion(pair):
    expected = metrics.confusion_matrix(*pair, labels=range(CLASSES))
    np.testing.assert_array_equal(confusion(*pair, CLASSES), expected)


def test_confusion_rows_are_labels():
    table = confusion(np.array([0, 0, 2]), np.array([1, 0, 1]), 3)
    assert table.tolist() == [[1, 1, 0], [0, 0, 0], [0, 1, 0]]


def test_per_class(pair):
    scores = per_class(*pair, CLASSES)
    expected = metrics.precision_recall_fscore_support(*pair, labels=range(CLASSES), zero_division=0)
    actual = (scores.precision, scores.recall, scores.f1, scores.support)
    for ours, theirs in zip(actual, expected, strict=True):
        np.testing.assert_allclose(ours, theirs)


def test_f1(pair):
    assert f1_macro(*pair, CLASSES) == pytest.approx(
        metrics.f1_score(*pair, average="macro", zero_division=0)
    )
    assert f1_micro(*pair, CLASSES) == pytest.approx(
        metrics.f1_score(*pair, average="micro", zero_division=0)
    )
    assert f1_micro(*pair, CLASSES) == pytest.approx(accuracy(*pair))


def test_class_that_neither_occurs_nor_is_predicted_does_not_count():
    labels = np.array([0, 1, 1])
    assert f1_macro(labels, labels, 9) == 1.0


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_negative_log_likelihood(kind):
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(CLASSES), 50).astype(kind)
    labels = generator.integers(0, CLASSES, 50)
    expected = metrics.log_loss(labels, probabilities, labels=range(CLASSES))
    assert negative_log_likelihood(probabilities, labels) == pytest.approx(expected, rel=1e-5)


def test_negative_log_likelihood_of_what_was_ruled_out_is_finite():
    assert negative_log_likelihood(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(52 * np.log(2))


def test_calibration_by_hand():
    # Bins of a half: (0, 0.5] holds the first two rows, (0.5, 1] the others.
    probabilities = np.array([[0.5, 0.3, 0.2], [0.2, 0.4, 0.4], [0.9, 0.1, 0.0], [0.1, 0.0, 0.9]])
    labels = np.array([0, 0, 0, 1])
    expected = 0.5 * abs(0.5 - 0.45) + 0.5 * abs(0.5 - 0.9)
    assert expected_calibration_error(probabilities, labels, bins=2) == pytest.approx(expected)


def test_calibration_by_the_definition():
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.full(4, 0.5), 300)
    labels = generator.integers(-1, 4, 300)
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    expected = 0.0
    for k in range(15):
        inside = (confidence > k / 15) & (confidence <= (k + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert expected_calibration_error(probabilities, labels) == pytest.approx(expected)


def test_sure_and_right_is_calibrated():
    assert expected_calibration_error(np.eye(3), np.arange(3)) == 0.0
    assert expected_calibration_error(np.eye(3), np.array([1, 2, 0])) == 1.0


def test_no_rows_no_score():
    none = np.zeros(0, dtype=np.int64)
    assert np.isnan(accuracy(none, none))
    assert np.isnan(f1_macro(none, none, 3))
    assert np.isnan(f1_micro(none, none, 3))
    assert np.isnan(expected_calibration_error(np.zeros((0, 3)), none))
    assert np.isnan(negative_log_likelihood(np.zeros((0, 3)), none))
    assert confusion(none, none, 2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("levels", [3, 1000])
def test_auroc(levels):
    generator = np.random.default_rng(1)
    positive = generator.random(300) < 0.3
    scores = np.round((generator.normal(size=300) + positive) * levels) / levels
    assert auroc(scores, positive) == pytest.approx(metrics.roc_auc_score(positive, scores), abs=1e-12)


def test_auroc_interval_holds_its_value_and_narrows_with_more_rows():
    generator = np.random.default_rng(1)
    positive = np.arange(400) % 4 == 0
    scores = generator.normal(size=400) + positive
    few, many = auroc_interval(scores[:40], positive[:40]), auroc_interval(scores, positive)
    for one in (few, many):
        assert one.low < one.value < one.high
    assert many.high - many.low < 0.6 * (few.high - few.low)
    assert auroc_interval(scores, positive) == many
    assert np.isnan(auroc_interval(scores[:1], positive[:1]).low)


def test_auroc_of_one_kind_is_no_number():
    assert np.isnan(auroc(np.array([0.1, 0.2]), np.array([True, True])))
    assert np.isnan(auroc(np.array([]), np.array([], dtype=bool)))
