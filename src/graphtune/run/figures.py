"""The figures of a predictor on labelled rows."""

import numpy as np
from jaxtyping import Bool, Float32, Int64

from graphtune.metric import (
    auroc_interval,
    bootstrap,
    bootstrap_mean,
    confusion,
    expected_calibration_error,
    f1_macro,
    negative_log_likelihood,
    per_class,
)
from graphtune.select.outcome import ClassFigures, Figures, UnknownFigures
from graphtune.select.thresholds import losses, micro


def figures(probabilities: Float32[np.ndarray, "B C"], labels: Int64[np.ndarray, " B"]) -> Figures:
    """Measure on rows whose label is known (≥ 0); a label beyond the classes counts as an error."""
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1).astype(np.int64)
    right = (predicted == labels).astype(np.float64)
    interval = bootstrap_mean(right)
    known = labels < classes
    wider = max(classes, int(labels.max(initial=0)) + 1)
    return Figures(
        len(labels),
        float(right.mean()),
        interval.low,
        interval.high,
        f1_macro(labels, predicted, wider),
        expected_calibration_error(probabilities[known], labels[known]),
        negative_log_likelihood(probabilities[known], labels[known]),
    )


def figures_each(
    probabilities: Float32[np.ndarray, "B C"],
    claims: Bool[np.ndarray, "B C"],
    marks: Bool[np.ndarray, "B A"],
) -> Figures:
    """Measure labels of which a text may have several; those beyond the model's, ``D − C``, are missed.

    The accuracy is the micro-averaged F1; nothing is said of calibration.
    """
    wide = _wide(claims, marks.shape[1])
    interval = bootstrap(lambda rows: micro(wide[rows], marks[rows]), len(marks))
    return Figures(
        len(marks),
        interval.value,
        interval.low,
        interval.high,
        macro_each(claims, marks),
        float("nan"),
        float(losses(probabilities, marks[:, : probabilities.shape[1]]).mean()),
    )


def macro_each(claims: Bool[np.ndarray, "B C"], marks: Bool[np.ndarray, "B A"]) -> float:
    """Return the mean F1, 0 … 1, of the labels that occur among texts or claims; NaN where none does."""
    wide = _wide(claims, marks.shape[1])
    occurring = marks.any(axis=0) | wide.any(axis=0)
    return float(_scores(wide, marks)[2][occurring].mean()) if occurring.any() else float("nan")


def class_figures_each(
    claims: Bool[np.ndarray, "B C"], marks: Bool[np.ndarray, "B A"], names: tuple[str, ...]
) -> tuple[ClassFigures, ...]:
    """Return precision, recall, F1 and support of every label."""
    precision, recall, f1 = _scores(_wide(claims, marks.shape[1]), marks)
    columns = zip(names, precision, recall, f1, marks.sum(axis=0), strict=True)
    return tuple(ClassFigures(n, float(p), float(r), float(f), int(s)) for n, p, r, f, s in columns)


def _wide(claims: Bool[np.ndarray, "B C"], labels: int) -> Bool[np.ndarray, "B A"]:
    return np.pad(claims, ((0, 0), (0, labels - claims.shape[1])))


def _scores(
    claims: Bool[np.ndarray, "B A"], marks: Bool[np.ndarray, "B A"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    hits, claimed, support = (claims & marks).sum(axis=0), claims.sum(axis=0), marks.sum(axis=0)
    f1 = 2 * hits / np.maximum(claimed + support, 1)
    return hits / np.maximum(claimed, 1), hits / np.maximum(support, 1), f1


def class_figures(
    probabilities: Float32[np.ndarray, "B C"], labels: Int64[np.ndarray, " B"], names: tuple[str, ...]
) -> tuple[ClassFigures, ...]:
    """Return precision, recall, F1 and support of every class."""
    scores = per_class(labels, probabilities.argmax(axis=1).astype(np.int64), len(names))
    columns = zip(names, scores.precision, scores.recall, scores.f1, scores.support, strict=True)
    return tuple(ClassFigures(n, float(p), float(r), float(f), int(s)) for n, p, r, f, s in columns)


def confusions(
    probabilities: Float32[np.ndarray, "B C"], labels: Int64[np.ndarray, " B"]
) -> tuple[tuple[int, ...], ...]:
    """Return counts: rows = true class, columns = predicted class."""
    table = confusion(labels, probabilities.argmax(axis=1).astype(np.int64), probabilities.shape[1])
    return tuple(tuple(int(count) for count in row) for row in table)


def unknown_figures(
    scores: Float32[np.ndarray, " B"],
    unknown: Bool[np.ndarray, " B"],
    right: Bool[np.ndarray, " B"],
    threshold: float,
) -> UnknownFigures:
    """Measure a rejection score on rows of the classes and of none.

    ``right`` says of which known rows the most probable class is the true one.
    """
    area = auroc_interval(scores, unknown)
    rejected = scores > np.float32(threshold)
    known, kept = ~unknown, ~rejected[~unknown]
    return UnknownFigures(
        int(known.sum()),
        int(unknown.sum()),
        area.value,
        area.low,
        area.high,
        _share(right[known]),
        _share(right[known] & kept),
        _share(kept),
        _share(rejected[unknown]),
    )


def _share(values: Bool[np.ndarray, " B"]) -> float:
    return float(values.mean()) if len(values) else float("nan")
