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


@pytest.mark.parametrize("rows", [2, 3, 4, 6, 10, 40, 400])
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


@pytest.mark.parametrize(
    ("lead", "rows"), [([0.215, 0.349], 2), ([0.056, 0.553, 0.13, 0.443], 4), ([9.0], 1)]
)
def test_a_few_rows_that_agree_are_not_sure_of_anything(lead, rows):
    level = np.zeros(rows)
    assert not of_rows(rows).clearly(with_losses(level), with_losses(level + lead))
