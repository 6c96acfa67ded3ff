"""Tables whose labels can be told: by shared words, by links, or not at all."""

from collections.abc import Sequence

import numpy as np

from graphtune.graph import Neighbours
from graphtune.plan import Plan
from graphtune.select import Candidate, NamedGraph, Probe, Propagated
from graphtune.table import Links, Table, from_lists

_SUBJECTS = {
    "bill": ["refund", "money", "return", "paid", "receipt", "charge", "price", "invoice"],
    "parcel": ["parcel", "delivery", "courier", "late", "address", "door", "box", "street"],
    "screen": ["password", "account", "login", "locked", "email", "code", "button", "page"],
}
QUICK = (NamedGraph("meaning", Neighbours(5)),)


def plan(*candidates: Candidate, **settings) -> Plan:
    chosen = candidates or (Probe(), Propagated("meaning", "meaning"))
    # Without names of classes, nodes are the table's texts and nothing else.
    defaults = {
        "encoder": "tfidf",
        "budget_seconds": 60.0,
        "graphs": QUICK,
        "candidates": chosen,
        "class_names": False,
    }
    return Plan(**(defaults | settings))


def texts() -> tuple[list[str], list[str]]:
    """Return 96 different texts and their classes; neighbours on a ring of words share one."""
    found, labels = [], []
    for label, words in _SUBJECTS.items():
        for step in (1, 2, 3, 5):
            for at, word in enumerate(words):
                found.append(f"{word} {words[(at + step) % len(words)]}")
                labels.append(label)
    return found, labels


def table(*, labelled: int = 4, val: int = 0, test: int = 8, seed: int = 0) -> Table:
    """Return a table with so many labelled, val and test rows a class; the rest is not labelled."""
    every, truth = texts()
    order = np.random.default_rng(seed).permutation(len(every))
    labels: list[str | None] = [None] * len(every)
    split = ["train"] * len(every)
    seen = dict.fromkeys(_SUBJECTS, 0)
    for row in order:
        place = seen[truth[row]]
        seen[truth[row]] += 1
        if place < labelled + val + test:
            labels[row] = truth[row]
        if labelled <= place < labelled + val:
            split[row] = "val"
        elif labelled + val <= place < labelled + val + test:
            split[row] = "test"
    return from_lists(every, labels, split=split)


def imbalanced(
    *, count: int = 400, labelled: int = 8, shares: Sequence[float] = (6 / 7, 1 / 14, 1 / 14)
) -> Table:
    """Return hard texts, most of them of one class, and as many labels of each class."""
    random = np.random.default_rng(0)
    names, bags = list(_SUBJECTS), list(_SUBJECTS.values())
    every, labels, split = [], [], []
    seen = dict.fromkeys(names, 0)
    for row in range(2 * count):
        at = int(random.choice(3, p=list(shares)))
        # A text has words of any class, and its own only somewhat more often.
        bag = [random.choice(bags[at if random.random() < 0.65 else random.integers(3)]) for _ in range(5)]
        train = row < count
        seen[names[at]] += train
        every.append(" ".join([*bag, f"row{row}"]))
        labels.append(names[at] if not train or seen[names[at]] <= labelled else None)
        split.append("train" if train else "test")
    return from_lists(every, labels, split=split)


def linked(*, count: int = 60, new: int = 8) -> tuple[Table, Links, list[str], Links, list[str]]:
    """Return a table of texts that say nothing with links that say all; then new texts, links, classes."""
    random = np.random.default_rng(0)
    words = ["now", "then", "here", "there", "some", "more", "all", "none"]
    said = [" ".join(random.choice(words, 4)) for _ in range(count + new)]
    truth = ["even" if number % 2 == 0 else "odd" for number in range(count + new)]
    labels = [truth[number] if number < 24 else None for number in range(count)]
    ids = [f"s{number}" for number in range(count)]
    ends = [(ids[number], ids[number + step]) for step in (2, 4) for number in range(count - step)]
    links = Links(tuple(a for a, _ in ends), tuple(b for _, b in ends))
    # Only the first two new texts are linked to stored ones, the others to the new one before.
    names = [f"n{number}" for number in range(new)]
    before = [ids[0], ids[1], *names[:-2]]
    table = from_lists(said[:count], labels, ids=ids, split=["train"] * count)
    return table, links, said[count:], Links(tuple(before), tuple(names)), truth[count:]
