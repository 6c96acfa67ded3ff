"""What every later stage works on: texts, labels, splits, links."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

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
    labels: Int64[np.ndarray, " T"]  # index into classes; -1 = unlabelled
    classes: tuple[str, ...]  # in sorted order
    split: tuple[str, ...]  # "train", "val" or "test"; "" where the table does not say
    weights: Float32[np.ndarray, " T"] | None = None
    notes: tuple[Note, ...] = ()

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
