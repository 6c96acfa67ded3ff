"""Methods side by side on the same rows: accuracy with its uncertainty, time, memory, and a verdict."""

from graphtune.compare.asked import methods
from graphtune.compare.families import Offer, families, usual_methods
from graphtune.compare.method import Method, Outside
from graphtune.compare.result import Comparison, Row
from graphtune.compare.run import compare
from graphtune.compare.settings import Settings

__all__ = [
    "Comparison",
    "Method",
    "Offer",
    "Outside",
    "Row",
    "Settings",
    "compare",
    "families",
    "methods",
    "usual_methods",
]
