"""Rows whose labels decide between candidates, and never teach the candidate they judge."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Int64

from graphtune.select.candidate import Candidate
from graphtune.select.data import Data, NewRows

_REPEATED_BELOW = 300  # labelled rows; below, the folds are drawn three times
_ONE_FIRST_FROM = 4000  # labelled rows; from here the first fold chooses who is judged by the others
_ONE_ONLY_FROM = 20000  # labelled rows; from here one fold is enough
_PARTS = 6  # folds then
_ENOUGH = 500  # val rows; fewer do not tell candidates apart, so that folds judge beside them


@dataclass(frozen=True, eq=False)
class Part:
    """One division of the labelled rows."""

    train: Int64[np.ndarray, " T"]  # nodes that are learned from
    held: Int64[np.ndarray, " M"]  # nodes that judge; empty where new rows judge
    new: NewRows | None  # rows outside the graph that judge
    labels: Int64[np.ndarray, " B"]  # of the rows that judge
    marks: Bool[np.ndarray, "B C"] | None = None  # theirs, where they may have several

    def fewer(self, most: int) -> "Part":
        """Return this with at most so many labelled rows that judge, the first ones; the others teach too."""
        if self.new is not None or len(self.held) <= most:
            return self
        train = np.union1d(self.train, self.held[most:])
        marks = None if self.marks is None else self.marks[:most]
        return replace(self, train=train, held=self.held[:most], labels=self.labels[:most], marks=marks)

    def predict(self, candidate: Candidate, data: Data, seed: int) -> Float32[np.ndarray, "B C"]:
        """Fit ``candidate`` on the learning rows and return its probabilities of the judging rows."""
        fitted = data.fitted(candidate, self.train, seed)
        return fitted.at(data, self.held) if self.new is None else fitted.attach(data, self.new)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """All divisions, and how to speak of them."""

    parts: tuple[Part, ...]
    repeats: int  # how often each row judges
    said: str
    first: int  # parts that judge every candidate; the others judge the best of them
    drawn: bool = False  # only labelled training rows judge: the table says nothing else of new texts

    @classmethod
    def folds(
        cls,
        rows: Int64[np.ndarray, " T"],
        labels: Int64[np.ndarray, " N"],
        seed: int,
        *,
        often: bool = True,
        several: bool = False,
    ) -> "HeldOut":
        """Divide labelled ``rows`` into stratified folds; where ``often``, several times if few.

        The only row of a class always teaches: a model that never saw the class cannot be judged by it.
        Some class must have two of them. Where rows have ``several`` labels, each by the rarest of which they
        are divided, one that is alone with its rarest is judged by the others: two rows are enough.
        """
        from sklearn.model_selection import StratifiedKFold

        known = _joined(labels[rows]) if several else labels[rows]
        only = np.bincount(known)[known] == 1
        if only.any():
            divided = cls.folds(rows[~only], labels, seed, often=often, several=several)
            parts = (replace(part, train=np.union1d(part.train, rows[only])) for part in divided.parts)
            return replace(divided, parts=tuple(parts))
        single, only_one = len(rows) >= _ONE_FIRST_FROM, len(rows) >= _ONE_ONLY_FROM
        count = min(_PARTS if single else 5, max(2, int(np.bincount(known).max())))
        repeats = 3 if often and len(rows) < _REPEATED_BELOW else 1
        parts = []
        for repeat in range(repeats):
            folds = StratifiedKFold(count, shuffle=True, random_state=seed + repeat)
            with warnings.catch_warnings():
                # A class with fewer rows than folds is held out in some of them only.
                warnings.filterwarnings("ignore", message="The least populated class")
                drawn = list(folds.split(np.zeros(len(rows)), known))
            order = np.random.default_rng(seed + repeat)
            for learn, fold in drawn[: 1 if only_one else count]:
                judge = order.permutation(fold)  # so that the first of them are like all
                parts.append(Part(rows[learn], rows[judge], None, labels[rows[judge]]))
        times = {1: "once", 3: "three times"}[repeats]
        said = (
            f"one part in {count} of the labelled training rows held out"
            if single
            else f"{count} stratified folds of the labelled training rows, {times}"
        )
        return cls(tuple(parts), repeats, said, 1 if single else len(parts), drawn=True)

    @classmethod
    def given(
        cls, part: Part, labels: Int64[np.ndarray, " N"], seed: int, *, several: bool = False
    ) -> "HeldOut":
        """Let the table's own val rows judge: ``part``; where few, folds of its learning rows too."""
        rows = len(part.labels)
        how = "as unlabelled nodes of the graph" if part.new is None else "attached as new texts"
        own = cls((part,), 1, f"the table's validation rows, {how}", 1)
        strata = _joined(labels[part.train]) if several else labels[part.train]
        if rows >= _ENOUGH or np.bincount(strata).max() < 2:
            return own
        folds = cls.folds(part.train, labels, seed, often=False, several=several)
        said = f"the table's {rows} validation rows, {how}, and {folds.said}"
        return cls((part, *folds.parts), 1, said, 1 + folds.first)

    def only(self, count: int) -> "HeldOut":
        """Let the first ``count`` parts alone judge."""
        if count == len(self.parts):
            return replace(self, first=count)
        said = f"{self.said}; the first {count} of these {len(self.parts)} parts alone"
        return replace(self, parts=self.parts[:count], repeats=1, said=said, first=count)

    def taught(self, rows: Int64[np.ndarray, " K"]) -> "HeldOut":
        """Let every part learn from ``rows`` too, which judge nothing."""
        if not len(rows):
            return self
        parts = tuple(replace(part, train=np.union1d(part.train, rows)) for part in self.parts)
        return replace(self, parts=parts)

    @property
    def labels(self) -> Int64[np.ndarray, " B"]:
        """The labels of all judging rows, part after part."""
        return np.concatenate([part.labels for part in self.parts])

    @property
    def marks(self) -> Bool[np.ndarray, "B C"] | None:
        """Which labels the judging rows have, where they may have several."""
        found = [part.marks for part in self.parts if part.marks is not None]
        return np.concatenate(found) if found else None

    def marked(self, marks: Bool[np.ndarray, "N C"]) -> "HeldOut":
        """Let the rows that folds hold out be judged by all their labels, ``marks`` of the nodes."""
        parts = tuple(
            part if part.marks is not None else replace(part, marks=marks[part.held]) for part in self.parts
        )
        return replace(self, parts=parts)

    @property
    def ends(self) -> Int64[np.ndarray, " T"]:
        """How many judgements there are up to the end of each part."""
        return np.cumsum([len(part.labels) for part in self.parts])


def _joined(strata: Int64[np.ndarray, " T"]) -> Int64[np.ndarray, " T"]:
    """Return strata of which none has one row alone, as far as there are two rows."""
    counts = np.bincount(strata)
    alone = counts[strata] == 1
    # A single one joins the largest, several each other.
    joined = strata.copy()
    joined[alone] = counts.argmax() if alone.sum() == 1 else len(counts)
    return joined
