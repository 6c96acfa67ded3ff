"""A graph neural network over model graphs: what modules are worth, learned from many encoders and tasks."""

from graphtune.structure.gnn.inputs import INPUTS, inputs, normal_scores
from graphtune.structure.gnn.likeness import START, Likeness, Places
from graphtune.structure.gnn.mended import comparable, mended, tells_a_scale
from graphtune.structure.gnn.network import StructureGNN, relations_of
from graphtune.structure.gnn.probed import measurable, to_probe, told_most_by
from graphtune.structure.gnn.refined import probes, refined

__all__ = [
    "INPUTS",
    "START",
    "Likeness",
    "Places",
    "StructureGNN",
    "comparable",
    "inputs",
    "measurable",
    "mended",
    "normal_scores",
    "probes",
    "refined",
    "relations_of",
    "tells_a_scale",
    "to_probe",
    "told_most_by",
]
