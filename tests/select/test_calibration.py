"""The temperature against a search by hand, and what calibrating keeps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphtune.select.calibration import Calibration, calibrated, evening, reweighting, temperature


def drawn(sharpness: float, *, rows: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities that are ``sharpness`` times too sure (as logits), and labels."""
    random = np.random.default_rng(seed)
    honest = random.normal(size=(rows, 4))
    shares = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    labels = np.array([random.choice(4, p=share) for share in shares])
    sure = np.exp(sharpness * honest)
    return (sure / sure.sum(axis=1, keepdims=True)).astype(np.float32), labels


def loss(probabilities: np.ndarray, labels: np.ndarray, heat: float) -> float:
    truth = calibrated(probabilities, heat)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(truth, 1e-30)).mean())


@pytest.mark.parametrize("sharpness", [0.2, 1.0, 3.0])
def test_is_the_best_of_a_fine_grid(sharpness):
    probabilities, labels = drawn(sharpness)
    found = temperature(probabilities, labels)
    grid = np.exp(np.linspace(np.log(0.05), np.log(20), 400))
    best = min(loss(probabilities, labels, heat) for heat in grid)
    assert loss(probabilities, labels, found) <= best + 1e-5
    assert found == pytest.approx(sharpness, rel=0.25)


def test_stays_within_its_bounds():
    certain = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    assert 0.05 <= temperature(certain, np.array([0, 1, 2, 0])) < 1
    assert 1 < temperature(certain, np.array([1, 2, 0, 2])) <= 20.01


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 1000), min_size=4, max_size=4, unique=True), min_size=1, max_size=8),
    st.floats(0.05, 20),
)
def test_the_winner_stays_and_shares_add_up(counts, heat):
    table = np.array(counts, dtype=np.float64) + 1
    table = (table / table.sum(axis=1, keepdims=True)).astype(np.float32)
    found = calibrated(table, heat)
    assert np.array_equal(found.argmax(axis=1), table.argmax(axis=1))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert (found >= 0).all()


def test_temperature_one_changes_nothing_and_no_rows_are_fine():
    probabilities, _ = drawn(1.0, rows=20)
    np.testing.assert_allclose(calibrated(probabilities, 1.0), probabilities, atol=1e-6)
    assert calibrated(probabilities[:0], 2.0).shape == (0, 4)


def judged(shares: list[float], count: int) -> np.ndarray:
    """Return what a perfect judge with a uniform prior says of texts whose classes have these shares."""
    random = np.random.default_rng(0)
    classes = random.choice(len(shares), count, p=shares)
    seen = random.normal(size=count) + 1.5 * classes
    likelihoods = np.exp(-((seen[:, None] - 1.5 * np.arange(len(shares))) ** 2) / 2)
    return (likelihoods / likelihoods.sum(axis=1, keepdims=True)).astype(np.float32)


UNIFORM = np.full(3, 1 / 3)


def test_shares_far_from_those_of_the_labels_are_found_and_held_back():
    judge = judged([0.8, 0.15, 0.05], 5000)
    weighted = reweighting(judge, UNIFORM, 0.5)
    assert weighted is not None
    assert not weighted.evened
    found = weighted.values * UNIFORM
    assert 0.6 < found[0] < 0.8
    # A fixed point of Bayes' rule, where the labels' own shares count 0.3 times as much as the texts.
    posterior = judge * found / (judge * found).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, (posterior.mean(axis=0) + 0.3 * UNIFORM) / 1.3, atol=1e-3)


@pytest.mark.parametrize(
    ("shares", "count", "accuracy"),
    [
        ([0.55, 0.25, 0.2], 5000, 0.9),  # neither near nor far
        ([0.8, 0.15, 0.05], 50, 0.9),  # too few texts
        ([0.34, 0.33, 0.33], 50, 0.9),
        ([0.34, 0.33, 0.33], 5000, 0.7),  # what is often wrong does not tell
    ],
)
def test_what_does_not_tell_changes_nothing(shares, count, accuracy):
    assert reweighting(judged(shares, count), UNIFORM, accuracy) is None


def test_shares_near_those_of_the_labels_are_drawn_there():
    # A judge that takes to the first class: Bayes' rule would go further that way.
    biased = judged([1 / 3, 1 / 3, 1 / 3], 5000) * np.array([1.3, 1.0, 0.8], dtype=np.float32)
    biased /= biased.sum(axis=1, keepdims=True)
    weighted = reweighting(biased, UNIFORM, 0.8)
    assert weighted is not None
    assert weighted.evened
    found = Calibration(1.0, tuple(map(float, weighted.values))).apply(biased)
    off = np.abs(found.mean(axis=0) - UNIFORM).sum()
    assert off < 0.5 * np.abs(biased.mean(axis=0) - UNIFORM).sum()
    assert weighted.values[0] < 1 < weighted.values[2]


def test_evening_out_divides_by_the_mean_twice():
    table = np.array([[0.8, 0.2], [0.6, 0.4]], dtype=np.float32)
    shares = np.array([0.5, 0.5])
    first = np.array([0.5 / 0.7, 0.5 / 0.3])
    once = table * first / (table * first).sum(axis=1, keepdims=True)
    expected = first * shares / once.mean(axis=0)
    np.testing.assert_allclose(evening(table, shares), expected / expected.mean(), rtol=1e-6)


def test_sharp_probabilities_are_not_overruled():
    random = np.random.default_rng(0)
    truth = random.choice(3, 3000, p=[0.36, 0.33, 0.31])
    sure = np.full((3000, 3), 1e-6, dtype=np.float32)
    sure[np.arange(3000), truth] = 1 - 2e-6
    weighted = reweighting(sure, UNIFORM, 1.0)
    assert weighted is not None
    assert ((sure * weighted.values).argmax(axis=1) == truth).all()


def test_a_class_that_nothing_is_said_to_be_of_stays_finite():
    never = np.tile(np.array([0.5, 0.5, 0.0], dtype=np.float32), (100, 1))
    assert np.isfinite(evening(never, UNIFORM)).all()


def test_class_weights_are_bayes_rule_with_another_prior():
    probabilities = np.array([[0.6, 0.4], [0.5, 0.5]], dtype=np.float32)
    found = Calibration(1.0, (0.5, 1.5)).apply(probabilities)
    np.testing.assert_allclose(found, [[0.3 / 0.9, 0.6 / 0.9], [0.25, 0.75]], atol=1e-6)
    np.testing.assert_array_equal(Calibration(2.0).apply(probabilities), calibrated(probabilities, 2.0))
