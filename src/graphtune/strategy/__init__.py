"""Ways to tune a model, one file each."""

from graphtune.strategy.bit_fit import BitFit
from graphtune.strategy.encoder_tuning import EncoderTuning
from graphtune.strategy.every_exit import EveryExit
from graphtune.strategy.full import Full
from graphtune.strategy.graph_teacher import GraphTeacher
from graphtune.strategy.linear_probe import LinearProbe
from graphtune.strategy.lora import LoRA
from graphtune.strategy.strategy import Strategy, TextStrategy

ALL = (BitFit, Full, LinearProbe)  # of networks over graphs, and of whatever else learns
OF_ENCODERS = (EncoderTuning, GraphTeacher, LoRA)  # of what has blocks
OF_SIDE_NETWORKS = (EveryExit,)  # of what has exits beside an encoder
OF_LABELLED_TEXTS = (EncoderTuning, LoRA, BitFit, LinearProbe)  # of an encoder, by labels alone

__all__ = [
    "ALL",
    "OF_ENCODERS",
    "OF_LABELLED_TEXTS",
    "OF_SIDE_NETWORKS",
    "BitFit",
    "EncoderTuning",
    "EveryExit",
    "Full",
    "GraphTeacher",
    "LinearProbe",
    "LoRA",
    "Strategy",
    "TextStrategy",
]
