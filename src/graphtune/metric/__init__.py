"""Scores of predictions, and how sure they are: pure functions on NumPy arrays, one concept a file.

Labels and predictions are indices of classes. What is done with labels that never occur, or that training
never saw, stands at each function.
"""

from graphtune.metric.accuracy import accuracy
from graphtune.metric.auroc import auroc, auroc_interval
from graphtune.metric.bootstrap import Interval, bootstrap, bootstrap_mean
from graphtune.metric.calibration import expected_calibration_error
from graphtune.metric.confusion import confusion
from graphtune.metric.f1 import f1_macro, f1_micro
from graphtune.metric.holm import holm
from graphtune.metric.likelihood import negative_log_likelihood
from graphtune.metric.mcnemar import mcnemar
from graphtune.metric.paired_bootstrap import paired_bootstrap
from graphtune.metric.per_class import ClassScores, per_class
from graphtune.metric.permutation import paired_permutation
from graphtune.metric.two_level import TwoLevel, calibration_score, macro_f1_score, mean_score

__all__ = [
    "ClassScores",
    "Interval",
    "TwoLevel",
    "accuracy",
    "auroc",
    "auroc_interval",
    "bootstrap",
    "bootstrap_mean",
    "calibration_score",
    "confusion",
    "expected_calibration_error",
    "f1_macro",
    "f1_micro",
    "holm",
    "macro_f1_score",
    "mcnemar",
    "mean_score",
    "negative_log_likelihood",
    "paired_bootstrap",
    "paired_permutation",
    "per_class",
]
