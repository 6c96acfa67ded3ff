"""A model read as a graph of its own modules: what each costs, how much it matters, and what follows."""

from graphtune.structure.model_graph import KINDS, Kind, ModelEdge, ModelGraph, ModuleNode, Traced

__all__ = ["KINDS", "Kind", "ModelEdge", "ModelGraph", "ModuleNode", "Traced"]
