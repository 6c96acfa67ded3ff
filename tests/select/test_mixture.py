"""How much each member of a mean of two is: by likelihood, held back where few rows tell."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from graphtune.select.mean import Mean, mean
from graphtune.select.mixture import second_share
from graphtune.select.probe import Probe


def tables(rows: int, first: float, second: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return two tables that are right so often, not on the same rows, and the labels."""
    random = np.random.default_rng(0)
    labels = random.integers(3, size=rows)
    made = []
    for right in (first, second):
        named = np.where(random.random(rows) < right, labels, (labels + 1) % 3)
        made.append((0.1 + 0.7 * np.eye(3)[named]).astype(np.float32))
    return made[0], made[1], labels


def test_it_is_the_likeliest_share_where_rows_are_many():
    one, other, labels = tables(20_000, 0.7, 0.8)
    rows = np.arange(len(labels))
    a, b = one[rows, labels].astype(float), other[rows, labels].astype(float)
    best = minimize_scalar(lambda s: -np.log((1 - s) * a + s * b).mean(), bounds=(0, 1), method="bounded").x
    assert second_share(one, other, labels, 1) == pytest.approx(best, abs=0.03)
    assert second_share(other, one, labels, 1) == pytest.approx(1 - best, abs=0.03)


def test_few_rows_move_it_less_than_many_and_repeats_count_once():
    few, many = (second_share(*tables(rows, 0.5, 0.9), 1) for rows in (12, 2000))
    assert 0.5 < few < many
    one, other, labels = tables(12, 0.5, 0.9)
    thrice = [np.concatenate([table] * 3) for table in (one, other, labels)]
    assert second_share(thrice[0], thrice[1], thrice[2], 3) == few


def test_equals_share_equally_and_none_is_ever_left_out():
    one, _, labels = tables(50, 0.7, 0.7)
    assert second_share(one, one, labels, 1) == 0.5
    sure = np.eye(3, dtype=np.float32)[labels]
    assert second_share(1 - sure, sure, labels, 1) <= 0.95
    assert second_share(sure, 1 - sure, labels, 1) >= 0.05


def test_a_weighted_mean_is_one():
    one, other, _ = tables(8, 0.6, 0.9)
    np.testing.assert_allclose(mean((one, other), (), (0.3, 0.7)), 0.3 * one + 0.7 * other, rtol=1e-6)
    np.testing.assert_allclose(mean((one, other), (), (0.5, 0.5)), mean((one, other)), rtol=1e-6)
    members = (Probe("words"), Probe("meaning"))
    assert str(Mean(members, (), (0.3, 0.7))).endswith("] × 0.7")
    assert "×" not in str(Mean(members)).replace("C×", "")
