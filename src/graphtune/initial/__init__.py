"""Ways to set a network's weights before it is tuned, one file each."""

from graphtune.initial.initial import Initial
from graphtune.initial.usual import Usual

ALL = (Usual,)

__all__ = ["ALL", "Initial", "Usual"]
