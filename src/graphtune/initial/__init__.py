"""Ways to set a network's weights before it is tuned, one file each."""

from graphtune.initial.dgi import DGI
from graphtune.initial.gae import GAE
from graphtune.initial.graph_cl import GraphCL
from graphtune.initial.graph_mae import GraphMAE
from graphtune.initial.initial import Initial
from graphtune.initial.masking import Masking
from graphtune.initial.pretrained import Pretrained
from graphtune.initial.usual import Usual
from graphtune.initial.vgae import VGAE

ALL = (DGI, GAE, VGAE, GraphCL, GraphMAE, Masking, Pretrained, Usual)

__all__ = ["ALL", "DGI", "GAE", "VGAE", "GraphCL", "GraphMAE", "Initial", "Masking", "Pretrained", "Usual"]
