"""What holds for every candidate, whatever it is."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from graphtune.errors import PlanError
from graphtune.plan import Plan
from graphtune.select import Candidate, Data, NewRows, Predictor
from graphtune.select.data import OutOfTime

# Data and new rows, with other labels than the usual ones where some are given.
Setting = Callable[..., tuple[Data, NewRows]]


def only_its_rows_labels_count(
    candidate: Candidate, setting: Setting, rows: np.ndarray, fitted: Predictor | None = None
) -> None:
    """Labels of other rows change no bit of what is predicted, and those of its rows do; they come first.

    ``fitted``, here and below: the candidate on the usual setting with seed 0, where it is there already.
    """
    data, new = setting()
    other = data.labels.copy()
    other[len(rows) :] = (other[len(rows) :] + 1) % 3
    first = (fitted or candidate.fit(data, rows, seed=0)).attach(data, new)
    assert np.array_equal(first, candidate.fit(setting(other)[0], rows, seed=0).attach(data, new))
    other[:3] = (other[:3] + 1) % 3
    assert not np.array_equal(first, candidate.fit(setting(other)[0], rows, seed=0).attach(data, new))


def the_seed_alone_decides(
    candidate: Candidate, setting: Setting, rows: np.ndarray, fitted: Predictor | None = None
) -> None:
    """The same seed gives the same bits, another one others, and torch's own random state stays."""
    data, new = setting()
    state = torch.random.get_rng_state()
    first = (fitted or candidate.fit(data, rows, seed=0)).attach(data, new)
    second, third = (candidate.fit(data, rows, seed=seed).attach(data, new) for seed in (0, 1))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)
    assert torch.equal(torch.random.get_rng_state(), state)


def a_heavy_class_is_said_more_often(
    candidate: Candidate, setting: Setting, rows: np.ndarray, blank: int
) -> None:
    """A class whose rows weigh more is likelier of the new row that says nothing."""
    data, new = setting()
    heavy = replace(data, weights=np.where(data.labels == 0, 20, 1).astype(np.float32))
    one, other = (candidate.fit(given, rows, seed=0).attach(given, new) for given in (data, heavy))
    assert other[blank, 0] > one[blank, 0]


def the_shares_of_classes_are_learned_where_texts_say_nothing(
    candidate: Candidate, setting: Setting
) -> Predictor:
    """Returned is what was fitted on such texts."""
    data, _ = setting()
    labels = np.where(np.arange(48) % 4 == 0, 1, 0)
    empty = Data(data.features.maker.features(("",) * 48), {}, labels, 3)
    fitted = candidate.fit(empty, np.arange(48), seed=0)
    np.testing.assert_allclose(fitted.at(empty, np.arange(1))[0], [0.75, 0.25, 0], atol=0.1)
    return fitted


def a_new_text_is_read_alike_alone_and_among_others(fitted: Predictor, data: Data, new: NewRows) -> None:
    """Without links; none is a shape too."""

    def predicted(*texts: str) -> np.ndarray:
        return fitted.attach(data, NewRows(data.features.maker.features(texts), {}))

    found = fitted.attach(data, new)
    for place, text in enumerate(new.features.texts):
        np.testing.assert_allclose(predicted(text)[0], found[place], atol=1e-6)
    assert predicted().shape == (0, 3)


def a_deadline_that_has_passed_ends_it(candidate: Candidate, data: Data, rows: np.ndarray) -> None:
    with pytest.raises(OutOfTime):
        candidate.fit(replace(data, deadline=time.monotonic() - 1), rows, seed=0)


def several_labels_are_refused(candidate: Candidate, data: Data, rows: np.ndarray) -> None:
    marks = torch.nn.functional.one_hot(torch.from_numpy(data.labels), 3).bool().numpy()
    name = type(candidate).__name__
    with pytest.raises(PlanError, match=f"{name} cannot learn texts with several labels"):
        candidate.fit(replace(data, marks=marks), rows, seed=0)


def a_plan_names_it(candidate: Candidate) -> None:
    plan = Plan(candidates=(candidate,), exactly=True)
    assert Plan.from_text(plan.to_text()) == plan
