"""A linear classifier whose strength C is chosen, on val rows or by folds, within the budget."""

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from contract import Clock, Task

STRENGTHS = (1.0, 5.0, 20.0, 100.0)  # C of scikit-learn; larger = less regularised
_FOLDS = 5
_STEPS, _ROUNDS = 100, 10  # of L-BFGS at a time; at most so many times
_MARGIN = 1.5  # the final fit has more rows than the fit of a fold


@dataclass(frozen=True, eq=False)
class Chosen:
    """The final classifier and how it came about."""

    model: Any
    strength: float
    note: str


def logistic(x: Any, y: np.ndarray, strength: float, clock: Clock) -> Any:
    """Fit logistic regression, in rounds so that the budget can end it."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=_STEPS, warm_start=True)
    for _ in range(_ROUNDS):
        start = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x, y)
        if model.n_iter_.max() < _STEPS or not clock.has(time.monotonic() - start):
            break
    return model


def support_vectors(x: Any, y: np.ndarray, strength: float, clock: Clock) -> Any:
    """Fit a linear support vector machine; liblinear ends soon enough by itself."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LinearSVC(C=strength, random_state=0).fit(x, y)


def chosen(fit: Any, represent: Any, task: Task, clock: Clock, strengths: tuple[float, ...]) -> Chosen:
    """Choose C, then fit on all labelled training rows.

    ``represent(learn)`` returns a function from rows to their features, fitted on ``learn`` alone.
    """
    labels = task.labels
    trials = [(learn, judge, represent(learn)) for learn, judge in _trials(task)]
    right, slowest, ended = dict.fromkeys(strengths, 0), 0.0, not trials
    for strength in strengths:
        for learn, judge, features in trials:
            ended = ended or not clock.has((1 + _MARGIN) * slowest)
            if ended:
                right.pop(strength, None)  # it was judged by some folds only, or by none
                break
            start = time.monotonic()
            model = fit(features(learn), labels[learn], strength, clock)
            right[strength] += int((model.predict(features(judge)) == labels[judge]).sum())
            slowest = max(slowest, time.monotonic() - start)
    tried = right if trials else {}
    best = max(tried, key=lambda one: tried[one]) if tried else 1.0  # 1 is the package's own
    final = fit(represent(task.train)(task.train), labels[task.train], best, clock)
    note = "the budget left some values of C untried" if trials and len(tried) < len(strengths) else ""
    return Chosen(final, best, note)


def _trials(task: Task) -> list[tuple[np.ndarray, np.ndarray]]:
    from sklearn.model_selection import StratifiedKFold

    rows, labels = task.train, task.labels
    if not task.held_out:
        return [task.parts]
    count = min(_FOLDS, int(np.bincount(labels[rows]).max()))
    if count < 2:
        return []
    with warnings.catch_warnings():
        # A class with fewer rows than folds is held out in some of them only.
        warnings.filterwarnings("ignore", message="The least populated class")
        drawn = list(StratifiedKFold(count, shuffle=True, random_state=0).split(rows, labels[rows]))
    return [(rows[learn], rows[judge]) for learn, judge in drawn]
