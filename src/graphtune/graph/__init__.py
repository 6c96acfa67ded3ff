"""Sparse graphs over texts: the format, the builders, the attachment of new rows."""

from graphtune.graph.propagate import propagate
from graphtune.graph.rows import Attachment, BuiltGraph, GraphBuilder, Rows
from graphtune.graph.text_graph import TextGraph

__all__ = ["Attachment", "BuiltGraph", "GraphBuilder", "Rows", "TextGraph", "propagate"]
