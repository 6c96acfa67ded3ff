"""One run: a plan and a table in, a saved classifier and its figures out."""

from graphtune.run.fit import fit_table
from graphtune.run.fitted import FittedModel, Neighbour
from graphtune.run.saved import load, save

__all__ = ["FittedModel", "Neighbour", "fit_table", "load", "save"]
