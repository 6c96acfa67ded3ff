"""When a candidate clearly leads another with few labels: by Student's t over the rows that judge."""

import numpy as np
import pytest
from known import Known
from scipy.stats import norm, ttest_1samp

from graphtune.select.held_out import HeldOut, Part
from graphtune.select.standing import Standing, Tried


def of_rows(rows: int) -> Standing:
    held = np.arange(rows)
    part = Part(np.arange(rows, rows + 2), held, None, held % 2)
    return Standing(HeldOut((part,), 1, "", 1), few=True, parts=1)


def with_losses(losses: np.ndarray) -> Tried:
    nothing = np.full((len(losses), 2), 0.5, dtype=np.float32)
    return Tried(Known("one", "graph"), nothing, losses > 1, losses, 1.0, 1, 0.0)


@pytest.mark.parametrize("rows", [6, 7, 10, 40, 400])
@pytest.mark.parametrize("seed", range(20))
def test_it_is_a_t_test_at_the_level_of_two_standard_errors(rows, seed):
    random = np.random.default_rng(seed)
    better, other = random.random((2, rows))
    lead = other - better + seed / 10 / np.sqrt(rows)
    found = ttest_1samp(lead, 0.0, alternative="greater")
    standing = of_rows(rows)
    clear = standing.clearly(with_losses(better), with_losses(better + lead))
    assert clear == (found.pvalue < norm.sf(2.0))


def test_both_answers_are_among_these():
    far = np.array([0.0, 1.0, 0.1, 0.9] * 10)
    assert of_rows(40).clearly(with_losses(far), with_losses(far + 1 + 0.1 * far))
    assert not of_rows(40).clearly(with_losses(far), with_losses(far - 1))


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5])
def test_a_few_rows_that_agree_are_not_sure_of_anything(rows):
    level = np.zeros(rows)
    assert not of_rows(rows).clearly(with_losses(level), with_losses(level + 9.0))


@pytest.mark.parametrize("rows", [2, 4, 6, 10])
def test_of_two_that_know_nothing_one_is_seldom_taken_to_lead(rows):
    standing, random = of_rows(rows), np.random.default_rng(rows)

    def guessed() -> Tried:
        one = random.uniform(0.2, 0.8, rows).astype(np.float32)
        # The rows that judge tell the temperature too: what is right on all of them is then far likelier.
        return standing.judged(Known("one", "graph"), np.stack([one, 1 - one], axis=1), 0.0)

    taken = [standing.clearly(guessed(), guessed()) for _ in range(400)]
    assert np.mean(taken) < 0.05


def test_the_error_of_one_given_up_is_that_of_the_rows_it_was_judged_by():
    labels = np.arange(40, dtype=np.int64) % 2
    held_out = HeldOut.folds(np.arange(40), labels, 0)
    standing = Standing(held_out, few=True, parts=len(held_out.parts))
    half = np.arange(120) % 2 == 0
    for rows, different in ((8, 8), (40, 40), (120, 40)):
        nothing = np.full((rows, 2), 0.5, dtype=np.float32)
        parts = int(np.searchsorted(held_out.ends, rows)) + 1
        tried = Tried(Known("one", "graph"), nothing, half[:rows], np.ones(rows), 1.0, parts, 0.0)
        standing.tried = {tried.candidate: tried}
        (found,) = standing.scored((), set(), ())
        assert found.standard_error == pytest.approx(0.5 / np.sqrt(different))


def test_of_many_labels_errors_count_as_they_are():
    rows = of_rows(4)
    many = Standing(rows.held_out, few=False, parts=1)
    assert many.beyond(1.0) == 1.0
    assert rows.beyond(1.0) == np.inf
    assert of_rows(400).beyond(1.0) == pytest.approx(1.0, abs=0.01)
