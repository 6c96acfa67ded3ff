"""What every later stage works on: texts, labels, splits, links."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64

UNLABELLED = -1


@dataclass(frozen=True)
class Note:
    """Something the user should know: a guess that was made, or a warning."""

    kind: str  # "guess" or "warning"
    text: str


@dataclass(frozen=True, eq=False)
class Table:
    """Texts with what is known of them; row ``i`` of every field speaks of the same text."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    # Index into classes; -1 = unlabelled. Where texts have several labels: the rarest of them, by which rows
    # are divided; the commonest of all for a text without any.
    labels: Int64[np.ndarray, " T"]
    classes: tuple[str, ...]  # in sorted order
    split: tuple[str, ...]  # "train", "val" or "test"; "" where the table does not say
    weights: Float32[np.ndarray, " T"] | None = None
    notes: tuple[Note, ...] = ()
    marks: Bool[np.ndarray, "T C"] | None = None  # which labels a text has, where it may have several

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, eq=False)
class Links:
    """Edges between ids as the user gave them: self-loops and duplicates still in place."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    weight: Float32[np.ndarray, " E"] | None = None
    kind: tuple[str, ...] | None = None  # the type of each edge, where the file has one
    directed: bool = False

    def __len__(self) -> int:
        return len(self.source)
