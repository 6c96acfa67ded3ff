"""Graph layers: features of nodes in, features of nodes out, one method a file."""

from graphtune.layer.appnp import APPNP
from graphtune.layer.gat import GAT
from graphtune.layer.gatv2 import GATv2
from graphtune.layer.gcn import GCN
from graphtune.layer.gin import GIN
from graphtune.layer.protocol import GraphLayer
from graphtune.layer.sage import SAGE
from graphtune.layer.sgc import SGC

ALL = (APPNP, GAT, GATv2, GCN, GIN, SAGE, SGC)

__all__ = ["ALL", "APPNP", "GAT", "GCN", "GIN", "SAGE", "SGC", "GATv2", "GraphLayer"]
