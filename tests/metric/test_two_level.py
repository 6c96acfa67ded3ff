"""Intervals over seeds and rows, and corrections for several tests, against SciPy and statsmodels."""

import numpy as np
import pytest
from scipy import stats

from graphtune.metric import (
    TwoLevel,
    calibration_score,
    expected_calibration_error,
    f1_macro,
    holm,
    macro_f1_score,
    mean_score,
)

RANDOM = np.random.default_rng(5)
LABELS = RANDOM.integers(0, 6, 400)
PREDICTED = np.where(RANDOM.random(400) < 0.7, LABELS, RANDOM.integers(0, 7, 400))
RIGHT = LABELS == PREDICTED
CONFIDENCE = RANDOM.uniform(0.2, 1.0, 400)


def test_of_one_seed_it_is_the_bootstrap_over_rows():
    ours = TwoLevel(resamples=4000).interval([mean_score(RIGHT.astype(float))], 400)
    theirs = stats.bootstrap((RIGHT,), np.mean, n_resamples=4000, method="percentile", rng=1)
    assert ours.value == pytest.approx(RIGHT.mean())
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.004)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.004)


def test_seeds_that_differ_widen_the_interval_as_their_error_says():
    # Rows agree within a seed, so that all of the error comes from the seeds: sd / sqrt(seeds).
    shares = np.array([0.2, 0.4, 0.5, 0.6, 0.8])
    scores = [mean_score(np.full(300, share)) for share in shares]
    found = TwoLevel(resamples=20_000).interval(scores, 300)
    error = shares.std() / np.sqrt(len(shares))
    assert found.value == pytest.approx(0.5)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.05)


def test_scores_of_drawn_rows_are_those_of_the_plain_metrics():
    drawn = RANDOM.integers(0, 400, (3, 400))
    counts = np.stack([np.bincount(rows, minlength=400) for rows in drawn]).astype(float)
    f1 = [f1_macro(LABELS[rows], PREDICTED[rows], 7) for rows in drawn]
    np.testing.assert_allclose(macro_f1_score(LABELS, PREDICTED, 7)(counts), f1)
    table = np.zeros((400, 7))
    table[np.arange(400), PREDICTED] = CONFIDENCE
    table[np.arange(400), (PREDICTED + 1) % 7] = (1 - CONFIDENCE) * 0.2
    errors = [expected_calibration_error(table[rows], LABELS[rows]) for rows in drawn]
    np.testing.assert_allclose(calibration_score(RIGHT, CONFIDENCE)(counts), errors)


def test_the_same_settings_give_the_same_interval_and_blocks_change_nothing(monkeypatch):
    scores = [mean_score(RIGHT.astype(float)), mean_score((~RIGHT).astype(float))]
    first = TwoLevel().interval(scores, 400)
    assert TwoLevel().interval(scores, 400) == first
    assert TwoLevel(seed=1).interval(scores, 400) != first


def test_without_rows_there_is_no_score():
    found = TwoLevel().interval([mean_score(np.zeros(0))], 0)
    assert np.isnan([found.value, found.low, found.high]).all()


@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_holm_is_statsmodels(count):
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    values = np.random.default_rng(count).random(count) ** 3
    np.testing.assert_allclose(holm(values), multitest.multipletests(values, method="holm")[1])
    assert holm(np.full(count, 0.5)).max() <= 1
