"""Ways to tune a model, one file each."""

from graphtune.strategy.strategy import Strategy

__all__ = ["Strategy"]
