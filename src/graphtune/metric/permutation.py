"""Whether the difference of two models could come from swapping their answers at random.

Source: Fisher, The Design of Experiments, 1935, section 21; the random form of Dwass, Annals of Mathematical
Statistics 1957, 28(1).
"""

import numpy as np
from jaxtyping import Shaped

_SIGNS_AT_ONCE = 1 << 20  # bounds the memory to a few times 8 MiB


def paired_permutation(
    first: Shaped[np.ndarray, " T"],
    second: Shaped[np.ndarray, " T"],
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> float:
    """Return the two-sided p-value that the mean of ``first - second`` is 0; 1 where they never differ.

    Both hold one value a row, in the same order. The observed order counts as one of the permutations, so the
    value is never below ``1 / (resamples + 1)``. The same seed gives the same value.
    """
    difference = first.astype(np.float64) - second.astype(np.float64)
    difference = difference[difference != 0]  # the sign of nothing does not matter
    if not difference.size:
        return 1.0
    # A hair below, so that a permutation with the same sum counts whatever the order of its additions.
    observed = abs(difference.sum()) - 1e-9 * np.abs(difference).sum()
    generator = np.random.default_rng(seed)
    at_once = max(1, _SIGNS_AT_ONCE // difference.size)
    as_far = 0
    for done in range(0, resamples, at_once):
        size = (min(at_once, resamples - done), difference.size)
        signs = generator.integers(0, 2, size, dtype=np.int8) * 2.0 - 1.0
        as_far += int((np.abs(signs @ difference) >= observed).sum())
    return (as_far + 1) / (resamples + 1)
