"""Losses: scores in, one number out, one method a file."""

from graphtune.loss.cross_entropy import CrossEntropy
from graphtune.loss.distillation import distillation
from graphtune.loss.focal import Focal
from graphtune.loss.protocol import Loss
from graphtune.loss.soft_cross_entropy import soft_cross_entropy
from graphtune.loss.supervised_contrastive import supervised_contrastive
from graphtune.loss.weighting import balanced

ALL = (CrossEntropy, Focal)

__all__ = [
    "ALL",
    "CrossEntropy",
    "Focal",
    "Loss",
    "balanced",
    "distillation",
    "soft_cross_entropy",
    "supervised_contrastive",
]
