"""Smaller and faster models: pruned, quantised, distilled, exported, and refused where they lose too much."""

from graphtune.compress.distilled import RowMatching, distilled
from graphtune.compress.exported import Export
from graphtune.compress.int8 import Int8
from graphtune.compress.prune_step import Prune
from graphtune.compress.pruned_encoder import PrunedEncoder
from graphtune.compress.pruning import Pruning, prune
from graphtune.compress.pruning_report import BlockReport, PruningReport, TaughtReport
from graphtune.compress.pruning_scores import GroupScores
from graphtune.compress.rounded import round_weights
from graphtune.compress.run import compress
from graphtune.compress.subject import Step, Subject
from graphtune.compress.without_graph import WithoutGraph

__all__ = [
    "BlockReport",
    "Export",
    "GroupScores",
    "Int8",
    "Prune",
    "PrunedEncoder",
    "Pruning",
    "PruningReport",
    "RowMatching",
    "Step",
    "Subject",
    "TaughtReport",
    "WithoutGraph",
    "compress",
    "distilled",
    "prune",
    "round_weights",
]
