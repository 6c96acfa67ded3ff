"""Ways to set a network's weights before it is tuned, one file each."""

from graphtune.initial.initial import Initial
from graphtune.initial.kaiming import Kaiming
from graphtune.initial.mlp_init import MLPInit
from graphtune.initial.orthogonal import Orthogonal
from graphtune.initial.usual import Usual
from graphtune.initial.virgo import Virgo
from graphtune.initial.xavier import Xavier

ALL = (Usual, Xavier, Kaiming, Orthogonal, Virgo, MLPInit)

__all__ = ["ALL", "Initial", "Kaiming", "MLPInit", "Orthogonal", "Usual", "Virgo", "Xavier"]
