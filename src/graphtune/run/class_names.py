"""The name of a class as one more of its texts: with few labels it says more than it costs.

Source: Schick & Schütze, EACL 2021, arXiv:2001.07676 (what a label's name means, few-shot); Tunstall et al.,
2022, arXiv:2209.11055, whose software makes texts of label names where there are no labels.
Differs from the papers: no pattern is put around a name; it is a labelled text and a node of every graph like
any other, that teaches in every part and judges in none.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from graphtune.plan import Plan
from graphtune.progress import say
from graphtune.run.split import Split
from graphtune.select.grid import labels_are_few
from graphtune.table import Table

_BETWEEN = re.compile(r"[\s_\-/.:;,#+&|]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NO_WORD = re.compile(r"[\d\W_]+")
_SAY_NOTHING = frozenset({"", "true", "false"})
_NEGATIONS = frozenset({"no", "non", "not"})
_LAST_ALPHABET = "\u2e80"  # from here on a sign can be a word


def with_class_names(table: Table, split: Split, plan: Plan) -> tuple[Table, Split]:
    """Return the table with a training row for the name of every class that has one; they come last.

    Nothing is added where the plan leaves names out, or does not ask for them and names what is tried exactly
    or labels are many; nor where texts have several labels.
    """
    known = table.labels[split.train][table.labels[split.train] >= 0]
    seen = np.unique(known)
    few = labels_are_few(len(known), len(seen))
    wanted = (few and not plan.exactly) if plan.class_names is None else plan.class_names
    if not wanted or table.marks is not None:
        return table, split
    names = {
        int(one): name for one, name in zip(seen, readable([table.classes[c] for c in seen]), strict=True)
    }
    added = {one: name for one, name in names.items() if name is not None}
    if not added:
        if plan.class_names:
            say("note: no name of a class has a word of its own; none is read.")
        return table, split
    weights = None
    if table.weights is not None:
        usual = float(table.weights[split.train][table.labels[split.train] >= 0].mean())
        weights = np.append(table.weights, np.full(len(added), usual, dtype=np.float32))
    more = replace(
        table,
        ids=(*table.ids, *_ids([table.classes[one] for one in added], frozenset(table.ids))),
        texts=(*table.texts, *added.values()),
        labels=np.append(table.labels, np.array(list(added), dtype=np.int64)),
        split=(*table.split, *["train"] * len(added)),
        weights=weights,
    )
    rows = np.arange(len(table), len(more))
    return more, replace(split, train=np.append(split.train, rows), named=rows)


def readable(names: Sequence[str]) -> list[str | None]:
    """Return names of classes as words; None for a name that has none, or differs from another in no word.

    ``atis_flight`` beside ``atis_airfare`` is ``flight``, ``RateBook`` is ``Rate Book``; ``class 1`` beside
    ``class 2`` says nothing, nor do ``true`` and ``false``.
    """
    words = [_BETWEEN.sub(" ", _HUMP.sub(" ", name)).split() for name in names]
    while all(len(one) > 1 for one in words) and len({one[0] for one in words}) == 1 < len(words):
        if words[0][0].casefold() in _NEGATIONS:
            break
        words = [one[1:] for one in words]
    said = [" ".join(one) for one in words]
    bare = [_NO_WORD.sub("", one).casefold() for one in said]
    often = Counter(bare)
    return [
        one if often[own] == 1 and own not in _SAY_NOTHING and not _is_sign(name, own) else None
        for name, one, own in zip(names, said, bare, strict=True)
    ]


def _is_sign(name: str, letters: str) -> bool:
    """Say whether a name is a number, or a single letter of an alphabet."""
    if len(letters) == 1 and letters < _LAST_ALPHABET:
        return True
    try:
        float(name)
    except ValueError:
        return False
    return True


def _ids(classes: Sequence[str], taken: frozenset[str]) -> list[str]:
    found = []
    for name in classes:
        own = f"name of {name}"
        while own in taken:
            own += "'"
        found.append(own)
    return found
