"""Tables of texts and of links: read, validated once, then trusted."""

from graphtune.table.table import Links, Note, Table

__all__ = ["Links", "Note", "Table"]
