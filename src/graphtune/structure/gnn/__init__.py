"""A graph neural network over model graphs: what modules are worth, learned from many encoders and tasks."""

from graphtune.structure.gnn.inputs import INPUTS, inputs, normal_scores
from graphtune.structure.gnn.network import StructureGNN, relations_of
from graphtune.structure.gnn.refined import probes, refined

__all__ = ["INPUTS", "StructureGNN", "inputs", "normal_scores", "probes", "refined", "relations_of"]
