"""Ways to set a network's weights before it is tuned, one file each."""

from graphtune.initial.dgi import DGI
from graphtune.initial.gae import GAE
from graphtune.initial.graph_cl import GraphCL
from graphtune.initial.graph_mae import GraphMAE
from graphtune.initial.initial import Initial
from graphtune.initial.kaiming import Kaiming
from graphtune.initial.masked_edges import MaskedEdges
from graphtune.initial.masking import Masking
from graphtune.initial.mlp_init import MLPInit
from graphtune.initial.orthogonal import Orthogonal
from graphtune.initial.pretrained import Pretrained
from graphtune.initial.usual import Usual
from graphtune.initial.vgae import VGAE
from graphtune.initial.virgo import Virgo
from graphtune.initial.xavier import Xavier

# The cheapest first.
ALL = (
    Usual,
    Xavier,
    Kaiming,
    Orthogonal,
    Virgo,
    Pretrained,
    MLPInit,
    DGI,
    GAE,
    VGAE,
    GraphCL,
    GraphMAE,
    Masking,
    MaskedEdges,
)

__all__ = [
    "ALL",
    "DGI",
    "GAE",
    "VGAE",
    "GraphCL",
    "GraphMAE",
    "Initial",
    "Kaiming",
    "MLPInit",
    "MaskedEdges",
    "Masking",
    "Orthogonal",
    "Pretrained",
    "Usual",
    "Virgo",
    "Xavier",
]
