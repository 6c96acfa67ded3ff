"""Hyper-parameter search: settings of candidates, graphs and networks, drawn by Optuna."""

from graphtune.sweep.result import Found
from graphtune.sweep.search import Asked, search_table

__all__ = ["Asked", "Found", "search_table"]
