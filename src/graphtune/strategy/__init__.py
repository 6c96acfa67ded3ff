"""Ways to tune a model, one file each."""

from graphtune.strategy.full import Full
from graphtune.strategy.linear_probe import LinearProbe
from graphtune.strategy.strategy import Strategy

ALL = (Full, LinearProbe)

__all__ = ["ALL", "Full", "LinearProbe", "Strategy"]
