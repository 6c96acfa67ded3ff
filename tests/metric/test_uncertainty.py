"""Intervals and paired tests, with SciPy and hand-made cases as oracles."""

import numpy as np
import pytest
from scipy import stats

from graphtune.metric import (
    bootstrap,
    bootstrap_mean,
    f1_macro,
    mcnemar,
    paired_bootstrap,
    paired_permutation,
)


def rights(rows: int, share: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(rows) < share


def test_interval_of_a_mean_is_near_the_normal_one():
    values = rights(2000, 0.8, 0)
    interval = bootstrap_mean(values, resamples=4000)
    half = 1.96 * values.std() / np.sqrt(values.size)
    assert interval.value == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_interval_equals_scipy_on_a_small_sample():
    values = np.random.default_rng(0).normal(size=40)
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    interval = bootstrap_mean(values, resamples=20_000)
    assert interval.low == pytest.approx(expected.low, abs=0.01)
    assert interval.high == pytest.approx(expected.high, abs=0.01)


def test_interval_holds_the_truth_as_often_as_it_says():
    inside = 0
    for seed in range(200):
        interval = bootstrap_mean(rights(300, 0.7, seed), resamples=400, level=0.9, seed=seed)
        inside += interval.low <= 0.7 <= interval.high
    assert 0.84 <= inside / 200 <= 0.96


def test_any_metric_can_be_resampled():
    values = rights(300, 0.8, 0)
    by_rows = bootstrap(lambda rows: float(values[rows].mean()), 300, resamples=500)
    assert by_rows == bootstrap_mean(values, resamples=500)
    labels = np.random.default_rng(0).integers(0, 3, 300)
    interval = bootstrap(lambda rows: f1_macro(labels[rows], labels[rows], 3), 300, resamples=50)
    assert (interval.low, interval.value, interval.high) == (1.0, 1.0, 1.0)


def test_same_seed_same_interval():
    values = rights(300, 0.8, 0)
    assert bootstrap_mean(values, seed=3) == bootstrap_mean(values, seed=3)
    assert bootstrap_mean(values, seed=3) != bootstrap_mean(values, seed=4)


def test_no_rows_no_interval():
    assert np.isnan(bootstrap_mean(np.zeros(0)).low)
    assert np.isnan(bootstrap(lambda rows: 1.0, 0).high)


def test_paired_interval_is_narrower_than_the_models_own():
    second = rights(1000, 0.7, 0)
    first = second | rights(1000, 0.1, 1)
    interval = paired_bootstrap(first, second)
    assert interval.value == pytest.approx(first.mean() - second.mean())
    assert 0 < interval.low < interval.value < interval.high
    alone = bootstrap_mean(first)
    assert interval.high - interval.low < alone.high - alone.low


@pytest.mark.parametrize(
    ("only_first", "only_second"), [(0, 0), (1, 0), (5, 5), (3, 12), (40, 21), (900, 1100)]
)
def test_mcnemar_is_the_binomial_test(only_first, only_second):
    both = np.ones(7, dtype=bool)
    first = np.concatenate([both, np.ones(only_first, bool), np.zeros(only_second, bool)])
    second = np.concatenate([both, np.zeros(only_first, bool), np.ones(only_second, bool)])
    disagreements = only_first + only_second
    expected = stats.binomtest(only_first, disagreements).pvalue if disagreements else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(second, first) == mcnemar(first, second)


def test_permutation_equals_the_full_enumeration():
    generator = np.random.default_rng(0)
    second = generator.normal(size=12)
    first = second + generator.normal(0.4, 1.0, 12)
    exact = stats.permutation_test(
        (first, second), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert paired_permutation(first, second, resamples=40_000) == pytest.approx(exact, abs=0.01)


def test_permutation_of_rights_agrees_with_mcnemar():
    second = rights(400, 0.7, 0)
    first = np.where(rights(400, 0.15, 1), ~second, second)
    exact = mcnemar(first, second)
    assert paired_permutation(first, second, resamples=40_000) == pytest.approx(exact, abs=0.01)


def test_permutation_of_equal_models_is_certain():
    same = rights(50, 0.5, 0)
    assert paired_permutation(same, same) == 1.0
    assert paired_permutation(same, same.copy(), seed=1) == 1.0


def test_permutation_never_claims_more_than_it_drew():
    assert paired_permutation(np.ones(60), np.zeros(60), resamples=99) == pytest.approx(0.01)
