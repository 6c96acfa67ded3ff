"""Smaller and faster models: pruned, quantised, distilled, exported, and refused where they lose too much."""

from graphtune.compress.distilled import RowMatching, distilled
from graphtune.compress.pruned_encoder import PrunedEncoder
from graphtune.compress.pruning import Pruning, prune
from graphtune.compress.pruning_report import BlockReport, PruningReport, TaughtReport
from graphtune.compress.pruning_scores import GroupScores

__all__ = [
    "BlockReport",
    "GroupScores",
    "PrunedEncoder",
    "Pruning",
    "PruningReport",
    "RowMatching",
    "TaughtReport",
    "distilled",
    "prune",
]
