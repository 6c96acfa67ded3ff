"""A model read as a graph of its own modules: what each costs, how much it matters, and what follows."""

from graphtune.structure.drawn import COSTS, check_column, check_png, coloured_by, drawn, png
from graphtune.structure.model_graph import KINDS, Kind, ModelEdge, ModelGraph, ModuleNode, Traced
from graphtune.structure.pyg import to_pyg
from graphtune.structure.read import TOKENS, read
from graphtune.structure.subject import Assembled
from graphtune.structure.weights import WEIGHT_COLUMNS, weight_columns
from graphtune.structure.written import STRUCTURE, read_structure, write_structure

__all__ = [
    "COSTS",
    "KINDS",
    "STRUCTURE",
    "TOKENS",
    "WEIGHT_COLUMNS",
    "Assembled",
    "Kind",
    "ModelEdge",
    "ModelGraph",
    "ModuleNode",
    "Traced",
    "check_column",
    "check_png",
    "coloured_by",
    "drawn",
    "png",
    "read",
    "read_structure",
    "to_pyg",
    "weight_columns",
    "write_structure",
]
