"""Sparse graphs over texts: the format, the builders, the attachment of new rows."""

from graphtune.graph.blocks import row_blocks
from graphtune.graph.fuse import Fuse
from graphtune.graph.given import Given
from graphtune.graph.homophily import Homophily, homophily
from graphtune.graph.hops import AttachedLinks, Hops, Trail
from graphtune.graph.neighbours import Neighbours
from graphtune.graph.pairs import mined_pairs
from graphtune.graph.propagate import propagate
from graphtune.graph.rows import Attachment, BuiltGraph, GraphBuilder, Rows
from graphtune.graph.sample import Sampled, Sampler, received
from graphtune.graph.text_graph import TextGraph
from graphtune.graph.windows import WindowGraphs
from graphtune.graph.words import Words

ALL = (Fuse, Given, Neighbours, Words)

__all__ = [
    "ALL",
    "AttachedLinks",
    "Attachment",
    "BuiltGraph",
    "Fuse",
    "Given",
    "GraphBuilder",
    "Homophily",
    "Hops",
    "Neighbours",
    "Rows",
    "Sampled",
    "Sampler",
    "TextGraph",
    "Trail",
    "WindowGraphs",
    "Words",
    "homophily",
    "mined_pairs",
    "propagate",
    "received",
    "row_blocks",
]
