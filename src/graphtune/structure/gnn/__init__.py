"""A graph neural network over model graphs: what modules are worth, learned from many encoders and tasks."""

from graphtune.structure.gnn.inputs import INPUTS, inputs, normal_scores
from graphtune.structure.gnn.likeness import Likeness, likeness
from graphtune.structure.gnn.mended import mended
from graphtune.structure.gnn.network import StructureGNN, relations_of
from graphtune.structure.gnn.probed import to_probe, told_most_by
from graphtune.structure.gnn.refined import probes, refined

__all__ = [
    "INPUTS",
    "Likeness",
    "StructureGNN",
    "inputs",
    "likeness",
    "mended",
    "normal_scores",
    "probes",
    "refined",
    "relations_of",
    "to_probe",
    "told_most_by",
]
