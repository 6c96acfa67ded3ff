"""Whether two models are right equally often, judged by the texts on which they disagree.

Source: McNemar, Psychometrika 1947, 12(2); the exact form, by the binomial distribution.
"""

import numpy as np
from jaxtyping import Bool


def mcnemar(first: Bool[np.ndarray, " T"], second: Bool[np.ndarray, " T"]) -> float:
    """Return the two-sided p-value that both are right equally often; 1 where they never disagree.

    Row ``i`` says whether each model is right on the same text ``i``.
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    disagreements = only_first + only_second
    ways, tail = 1, 1  # C(n, 0); whole numbers, so nothing is lost however many disagreements there are
    for k in range(min(only_first, only_second)):
        ways = ways * (disagreements - k) // (k + 1)
        tail += ways
    return min(1.0, 2 * tail / (1 << disagreements))
