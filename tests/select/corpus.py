"""Texts of three subjects that partly share words, with graphs over them, and new texts of the same kind."""

from collections.abc import Mapping

import numpy as np

from graphtune.encoder import Tfidf
from graphtune.graph import BuiltGraph, Fuse, Given, Neighbours
from graphtune.select import Data, FeatureMaker, NamedGraph, NewRows
from graphtune.table import Links

_SUBJECTS = ("refund money paid bill", "parcel late courier box", "login code screen email")
_SHARED = ["please", "help", "me", "with", "this", "now", "thanks", "today"]
CLASSES = 3

NAMED = {
    "meaning": NamedGraph("meaning", Neighbours(6, 1.0)),
    "both": NamedGraph("both", Neighbours(4, 4.0), "both"),
    "links": NamedGraph("links", Given()),
    "fused": NamedGraph("fused", Fuse((Given(), Neighbours(5)), (1.0, 0.3)), "both"),
}


def texts(count: int, *, seed: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Return texts and their classes."""
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % CLASSES
    found = []
    for label in labels:
        own = random.choice(_SUBJECTS[label].split(), 2)
        # One word of another subject, so that no text is without doubt.
        other = random.choice(_SUBJECTS[(label + random.integers(3)) % 3].split(), 1)
        found.append(" ".join([*own, *other, *random.choice(_SHARED, 3)]))
    return tuple(found), labels


def chain(prefix: str, labels: np.ndarray) -> Links:
    """Link each row to the next one of its class."""
    ends = [(a, b) for a, b in zip(range(len(labels) - CLASSES), range(CLASSES, len(labels)), strict=True)]
    return Links(tuple(f"{prefix}{a}" for a, _ in ends), tuple(f"{prefix}{b}" for _, b in ends))


def setting(
    *, stored: int = 45, new: int = 12, labels: np.ndarray | None = None, weights: np.ndarray | None = None
) -> tuple[Data, NewRows]:
    """Return data over ``stored`` texts, all labelled, and new texts with links to them."""
    here, truth = texts(stored, seed=1)
    there, theirs = texts(new, seed=2)
    maker = FeatureMaker(Tfidf(width=8).fit(here), Tfidf(width=12).fit(here))
    features = maker.features(here)
    ids = [f"s{number}" for number in range(stored)]
    graphs: Mapping[str, BuiltGraph] = {
        name: one.builder.build(one.rows(features, ids, chain("s", truth))) for name, one in NAMED.items()
    }
    data = Data(features, graphs, truth if labels is None else labels, CLASSES, weights)
    names = [f"n{number}" for number in range(new)]
    joined = Links(
        (*[f"s{label}" for label in theirs], *names[:-1]), (*names, *names[1:])
    )  # each to a stored text of its class, and to the next new one
    fresh = maker.features(there)
    return data, NewRows(fresh, {name: one.rows(fresh, names, joined) for name, one in NAMED.items()})
