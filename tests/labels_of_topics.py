"""Texts about one or two of three topics, or none of them."""

import numpy as np

from graphtune.table import Table, from_lists

_TOPICS = {
    "bill": ["refund", "money", "return", "paid", "receipt", "charge"],
    "parcel": ["parcel", "delivery", "courier", "late", "address", "door"],
    "screen": ["password", "account", "login", "locked", "email", "code"],
}
_NOTHING = ["weather", "sunny", "hello", "morning", "thanks", "goodbye"]


def rows(count: int = 120, seed: int = 0) -> tuple[list[str], list[list[str]]]:
    """Return so many different texts of three words on each topic they are about, and their topics."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for at in range(count):
        own = sorted(random.choice(list(_TOPICS), size=(0, 1, 1, 2)[at % 4], replace=False).tolist())
        words = [word for topic in own for word in random.choice(_TOPICS[topic], 3, replace=False)]
        texts.append(" ".join([*words, *random.choice(_NOTHING, 2, replace=False), f"n{at}"]))
        labels.append(own)
    return texts, labels


def table(*, train: int = 60, val: int = 0, test: int = 40, unlabelled: int = 20) -> Table:
    """Return a table with so many rows of each kind."""
    texts, labels = rows(train + val + test + unlabelled)
    split = ["train"] * train + ["val"] * val + ["test"] * test + ["train"] * unlabelled
    known = [*labels[: train + val + test], *[None] * unlabelled]
    return from_lists(texts, known, split=split, several=True)
