"""Ways to tune a model, one file each."""

from graphtune.strategy.adapter_gnn import AdapterGNN
from graphtune.strategy.bit_fit import BitFit
from graphtune.strategy.bss import BSS
from graphtune.strategy.delta import DELTA
from graphtune.strategy.distil import Distil
from graphtune.strategy.em import EM
from graphtune.strategy.encoder_tuning import EncoderTuning
from graphtune.strategy.every_exit import EveryExit
from graphtune.strategy.full import Full
from graphtune.strategy.g_tuning import GTuning
from graphtune.strategy.gpf import GPF
from graphtune.strategy.gpf_plus import GPFPlus
from graphtune.strategy.gradual_unfreezing import GradualUnfreezing
from graphtune.strategy.graph_control import GraphControl
from graphtune.strategy.graph_pairs import GraphPairs
from graphtune.strategy.graph_teacher import GraphTeacher
from graphtune.strategy.gtot import GTOT
from graphtune.strategy.joint import Joint
from graphtune.strategy.l2_sp import L2SP
from graphtune.strategy.last_layers import LastLayers
from graphtune.strategy.linear_probe import LinearProbe
from graphtune.strategy.lora import LoRA
from graphtune.strategy.planned_tuning import PlannedTuning
from graphtune.strategy.pseudo_labels import PseudoLabels
from graphtune.strategy.staged import Staged
from graphtune.strategy.stoch_norm import StochNorm
from graphtune.strategy.strategy import CoupledStrategy, Growing, MinedStrategy, Strategy, TextStrategy

ALL = (  # of networks over graphs, and, where they tell no layers apart, of whatever else learns
    AdapterGNN,
    BitFit,
    BSS,
    DELTA,
    Full,
    GPF,
    GPFPlus,
    GradualUnfreezing,
    GraphControl,
    GTOT,
    GTuning,
    L2SP,
    LastLayers,
    LinearProbe,
    StochNorm,
)
OF_ENCODERS = (EncoderTuning, GraphTeacher, LoRA, PlannedTuning)  # of what has blocks
OF_SIDE_NETWORKS = (EveryExit,)  # of what has exits beside an encoder
OF_LABELLED_TEXTS = (
    EncoderTuning,
    LoRA,
    BitFit,
    LinearProbe,
    PlannedTuning,
)  # of an encoder, by labels alone
OF_MINED_TEXTS = (GraphPairs, PseudoLabels)  # of an encoder, by what it and a graph model agree on
OF_COUPLES = (EM, Joint, Staged)  # of an encoder and a network over a graph
OF_STUDENTS = (Distil,)  # of whatever learns, by a teacher

__all__ = [
    "ALL",
    "BSS",
    "DELTA",
    "EM",
    "GPF",
    "GTOT",
    "L2SP",
    "OF_COUPLES",
    "OF_ENCODERS",
    "OF_LABELLED_TEXTS",
    "OF_MINED_TEXTS",
    "OF_SIDE_NETWORKS",
    "OF_STUDENTS",
    "AdapterGNN",
    "BitFit",
    "CoupledStrategy",
    "Distil",
    "EncoderTuning",
    "EveryExit",
    "Full",
    "GPFPlus",
    "GTuning",
    "GradualUnfreezing",
    "GraphControl",
    "GraphPairs",
    "GraphTeacher",
    "Growing",
    "Joint",
    "LastLayers",
    "LinearProbe",
    "LoRA",
    "MinedStrategy",
    "PlannedTuning",
    "PseudoLabels",
    "Staged",
    "StochNorm",
    "Strategy",
    "TextStrategy",
]
