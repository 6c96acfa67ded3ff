"""Thresholds of labels: the best for the micro-F1, and held back where labels are rare."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from graphtune.select import thresholds as module
from graphtune.select.thresholds import by_row, losses, micro, thresholds


@pytest.fixture
def scored():
    random = np.random.default_rng(0)
    marks = random.random((400, 5)) < np.array([0.5, 0.3, 0.1, 0.02, 0.0])
    odds = random.normal(size=marks.shape) + 2.5 * marks - 2 + np.array([0, 1.5, -1, 0, 0])
    return (1 / (1 + np.exp(-odds))).astype(np.float32), marks


def test_micro_is_that_of_scikit_learn(scored):
    shares, marks = scored
    assert micro(shares > 0.4, marks) == pytest.approx(f1_score(marks, shares > 0.4, average="micro"))
    assert micro(np.zeros((3, 2), bool), np.zeros((3, 2), bool)) == 1.0


def test_the_common_threshold_is_the_best_of_all(scored):
    shares, marks = scored
    found, reached = module._best_common(shares, marks)
    assert micro(shares > np.float32(found), marks) == pytest.approx(reached)
    tried = [micro(shares > limit, marks) for limit in np.linspace(0.01, 0.99, 197).astype(np.float32)]
    assert reached >= max(tried)


def test_own_thresholds_are_better_where_labels_are_frequent(scored):
    shares, marks = scored
    common, reached = module._best_common(shares, marks)
    found = thresholds(shares, marks)
    assert micro(shares > found, marks) > reached + 0.005
    assert found[1] > common > found[2]


def test_rare_labels_stay_near_the_common_threshold(scored, monkeypatch):
    shares, marks = scored
    common, _ = module._best_common(shares, marks)
    held = thresholds(shares, marks)
    monkeypatch.setattr(module, "_HOLD", 0)
    free = thresholds(shares, marks)
    far = [abs(module._odds(float(one[3])) - module._odds(common)) for one in (held, free)]
    assert far[0] < far[1]
    assert held[4] == pytest.approx(common)  # no row has the last label


def test_values_by_row_have_the_micro_f1_as_their_mean(scored):
    shares, marks = scored
    claims = shares > 0.4
    values = by_row(claims, marks)
    assert values.mean() == pytest.approx(micro(claims, marks))
    drawn = np.random.default_rng(0).integers(0, 400, (400, 400))
    spread = np.std([micro(claims[rows], marks[rows]) for rows in drawn])
    assert values.std() / np.sqrt(400) == pytest.approx(spread, rel=0.15)


def test_losses_are_the_binary_cross_entropy():
    shares = np.array([[0.9, 0.2], [1.0, 0.0]], dtype=np.float32)
    found = losses(shares, np.array([[True, False], [True, False]]))
    np.testing.assert_allclose(found, [-np.log(0.9) - np.log(0.8), 0], atol=1e-5)


def test_equal_probabilities_are_claimed_together():
    shares = np.full((6, 1), 0.3, dtype=np.float32)
    marks = np.array([[True], [False], [True], [False], [True], [True]])
    found = thresholds(shares, marks)
    assert (shares > found).all()
    nothing = thresholds(shares, np.zeros((6, 1), bool))
    assert not (shares > nothing).any()
