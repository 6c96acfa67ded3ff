"""What people do without graphtune, done with care: logistic regression whose strength is chosen.

The strength C is chosen on the table's val rows where it has some, else by stratified folds of the labelled
training rows; test rows are predicted once, with the chosen one.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from graphtune.encoder import cached_encode, from_name
from graphtune.table import Table
from protocols import labelled

STRENGTHS = (1.0, 5.0, 20.0, 100.0)  # C of scikit-learn; larger = less regularised
_FOLDS = 5

Represent = Callable[[np.ndarray, np.ndarray], tuple[Any, Any]]  # rows to learn from, rows to judge


@dataclass(frozen=True)
class Baseline:
    """One baseline on the test rows."""

    accuracy: float  # %
    strength: float  # the chosen C
    seconds: float  # choosing, fitting and predicting; without encoding


def tfidf(table: Table, *, characters: bool) -> Baseline:
    """TF-IDF of words and pairs of words, or of characters and pairs of them."""

    def represent(learn: np.ndarray, judge: np.ndarray) -> tuple[Any, Any]:
        analyzer = "char" if characters else "word"
        terms = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, analyzer=analyzer)
        known = terms.fit_transform([table.texts[at] for at in learn])
        return known, terms.transform([table.texts[at] for at in judge])

    return _measured(table, represent)


def embeddings(table: Table, encoder: str) -> Baseline:
    """Frozen embeddings; ``tfidf`` stands for its singular vectors, fitted on the training texts."""
    known = [text for text, part in zip(table.texts, table.split, strict=True) if part == "train"]
    rows = cached_encode(from_name(encoder).fit(known), table.texts).numpy()
    return _measured(table, lambda learn, judge: (rows[learn], rows[judge]))


def _measured(table: Table, represent: Represent) -> Baseline:
    start = time.monotonic()
    train, val, test = (labelled(table, part) for part in ("train", "val", "test"))
    right = dict.fromkeys(STRENGTHS, 0)
    for learn, judge in [(train, val)] if len(val) else _folds(train, table.labels):
        known, new = represent(learn, judge)
        for strength in STRENGTHS:
            predicted = _predicted(known, table.labels[learn], new, strength)
            right[strength] += int((predicted == table.labels[judge]).sum())
    best = max(STRENGTHS, key=lambda strength: right[strength])
    known, new = represent(train, test)
    met = _predicted(known, table.labels[train], new, best) == table.labels[test]
    return Baseline(100 * float(met.mean()), best, time.monotonic() - start)


def _folds(rows: np.ndarray, labels: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    count = min(_FOLDS, int(np.bincount(labels[rows]).max()))
    with warnings.catch_warnings():
        # A class with fewer rows than folds is held out in some of them only.
        warnings.filterwarnings("ignore", message="The least populated class")
        drawn = list(StratifiedKFold(count, shuffle=True, random_state=0).split(rows, labels[rows]))
    return [(rows[learn], rows[judge]) for learn, judge in drawn]


def _predicted(known: Any, labels: np.ndarray, new: Any, strength: float) -> np.ndarray:
    with warnings.catch_warnings():
        # After 1,000 steps the predictions stand still, whatever the gradient says.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(LogisticRegression(C=strength, max_iter=1000).fit(known, labels).predict(new))
