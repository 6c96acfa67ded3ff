"""Axis letters of every array shape in the project.

Shapes are written with jaxtyping, such as ``Float[Tensor, "N F"]``; a single letter is written with a
leading blank, ``" E"``. They are checked while the tests run and cost nothing in production.
"""

from typing import Final

AXES: Final[dict[str, str]] = {
    "N": "nodes of a graph; its text rows come first",
    "M": "nodes of a second set: rows that are attached, or the support they attach to",
    "E": "edges",
    "B": "rows of a batch",
    "L": "tokens of a text",
    "P": "tokens of several texts, one text after the other",
    "J": "pairs of texts, each joined by a third one",
    "F": "features in",
    "G": "features out",
    "H": "attention heads",
    "C": "classes",
    "A": "labels of a table: those of the model, and those that training never saw",
    "K": "neighbours of a row",
    "T": "texts",
    "V": "words of the vocabulary",
    "W": "words that are kept of a vocabulary",
    "D": "words that a dense projection reads",
    "S": "rows of a shard of the cache",
    "R": "resamples of a bootstrap",
}
