"""Smaller and faster models: pruned, quantised, distilled, exported, and refused where they lose too much."""

from graphtune.compress.exported import Export
from graphtune.compress.int8 import Int8
from graphtune.compress.run import compress
from graphtune.compress.subject import Step, Subject

__all__ = ["Export", "Int8", "Step", "Subject", "compress"]
