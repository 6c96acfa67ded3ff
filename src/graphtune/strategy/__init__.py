"""Ways to tune a model, one file each."""

from graphtune.strategy.bit_fit import BitFit
from graphtune.strategy.encoder_tuning import EncoderTuning
from graphtune.strategy.full import Full
from graphtune.strategy.graph_teacher import GraphTeacher
from graphtune.strategy.linear_probe import LinearProbe
from graphtune.strategy.strategy import Strategy

ALL = (BitFit, Full, LinearProbe)  # of networks over graphs, and of whatever else learns
OF_ENCODERS = (EncoderTuning, GraphTeacher)  # of what has blocks

__all__ = [
    "ALL",
    "OF_ENCODERS",
    "BitFit",
    "EncoderTuning",
    "Full",
    "GraphTeacher",
    "LinearProbe",
    "Strategy",
]
