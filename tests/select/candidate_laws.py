"""What holds for every candidate, whatever it is."""

from collections.abc import Callable

import numpy as np
import torch

from graphtune.select import Candidate, Data, NewRows

# Data and new rows, with other labels than the usual ones where some are given.
Setting = Callable[..., tuple[Data, NewRows]]


def only_its_rows_labels_count(candidate: Candidate, setting: Setting, rows: np.ndarray) -> None:
    """Labels of other rows change no bit of what is predicted, and those of its rows do; they come first."""
    data, new = setting()
    other = data.labels.copy()
    other[len(rows) :] = (other[len(rows) :] + 1) % 3
    first = candidate.fit(data, rows, seed=0).attach(data, new)
    assert np.array_equal(first, candidate.fit(setting(other)[0], rows, seed=0).attach(data, new))
    other[:3] = (other[:3] + 1) % 3
    assert not np.array_equal(first, candidate.fit(setting(other)[0], rows, seed=0).attach(data, new))


def the_seed_alone_decides(candidate: Candidate, setting: Setting, rows: np.ndarray) -> None:
    """The same seed gives the same bits, another one others, and torch's own random state stays."""
    data, new = setting()
    state = torch.random.get_rng_state()
    first, second, third = (candidate.fit(data, rows, seed=seed).attach(data, new) for seed in (3, 3, 4))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)
    assert torch.equal(torch.random.get_rng_state(), state)
