"""A small table whose classes are told by their words, and methods that take no time."""

import numpy as np

from graphtune.compare import Method
from graphtune.plan import Plan
from graphtune.select import Candidate, Majority, Network, Probe
from graphtune.strategy import Full
from graphtune.table import Table, from_lists

SUBJECTS = (
    ("refund", "money", "return", "paid", "receipt", "charge", "bill", "bank"),
    ("parcel", "delivery", "courier", "late", "address", "door", "box", "van"),
    ("password", "account", "login", "locked", "email", "screen", "code", "user"),
)


def table(rows: int = 240, seed: int = 0) -> Table:
    """Return rows of three classes, a third of them for testing; one word in five is another class's."""
    random = np.random.default_rng(seed)
    labels = [row % 3 for row in range(rows)]
    texts = []
    for label in labels:
        words = [SUBJECTS[label if random.random() < 0.8 else random.integers(3)] for _ in range(4)]
        texts.append(" ".join(own[random.integers(8)] for own in words))
    split = ["test" if row % 9 < 3 else "train" for row in range(rows)]
    return from_lists(texts, [f"class {label}" for label in labels], None, split)


def only(name: str, *candidates: Candidate, family: str = "own") -> Method:
    return Method(name, family, Plan(encoder="tfidf", candidates=candidates, exactly=True))


MAJORITY = only("majority", Majority(), family="baseline")
WORDS = only("words", Probe("words"), family="baseline")
NETWORK = only("network", Network(strategy=Full(epochs=3), width=8))
# Networks would take most of the time of every test.
WHOLE = Method("graphtune", "graphtune", Plan(encoder="tfidf", up_to="graph"))
FREE = Method("graphtune-no-graph", "graphtune", Plan(encoder="tfidf", up_to="graph-free"))
