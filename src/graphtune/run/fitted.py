"""A fitted classifier: predicts texts it has never seen, and names the neighbours that decided."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from graphtune.errors import ModelError
from graphtune.graph import Rows
from graphtune.plan import Plan
from graphtune.report.compression import Compression
from graphtune.select import Candidate, Data, FeatureMaker, NamedGraph, NewRows, Outcome, Predictor, View
from graphtune.select.calibration import Calibration
from graphtune.select.graphs import views_read
from graphtune.select.rejection import Rejection
from graphtune.table import Links

LabelKind = Literal["text", "whole", "number", "truth"]  # what a class name is the ``str`` of

_AT_ONCE = 4096  # texts predicted together, or an eighth of those stored, so that memory stays bounded
_CACHED_FROM = 64  # texts; fewer are encoded sooner than they are looked up, and would be a file each time


@dataclass(frozen=True)
class Neighbour:
    """A stored text that a new text receives from."""

    id: str
    text: str
    label: str | None  # None = unlabelled in training
    weight: float  # share of all that the new text receives, 0 … 1


@dataclass(frozen=True, eq=False)
class Stored:
    """The texts of the graph's nodes, for telling and for attaching."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    labels: Int64[np.ndarray, " N"]  # −1 = unlabelled
    marks: Bool[np.ndarray, "N C"] | None = None  # which labels a text has, where it may have several


@dataclass(frozen=True, eq=False)
class FittedModel:
    """Everything prediction needs."""

    plan: Plan
    classes: tuple[str, ...]
    candidate: Candidate
    predictor: Predictor
    data: Data
    maker: FeatureMaker
    graphs: Mapping[str, NamedGraph]
    stored: Stored
    calibration: Calibration
    outcome: Outcome
    label_kind: LabelKind = "text"
    rejection: Rejection | None = None  # how texts of none of the classes are told
    compression: Compression | None = None  # what making it smaller cost and gained
    # Text of a plan to fit it again by, where the candidate is not all of that: who taught it is not kept.
    recipe: str | None = None

    @property
    def views(self) -> frozenset[View]:
        """What its candidate reads, and what its graphs are built on."""
        return views_read([self.candidate], [self.graphs[name] for name in self.candidate.graphs])

    def lean(self) -> "FittedModel":
        """Return the same without what was read only to choose it."""
        return replace(self, data=self.data.lean(self.views, self.candidate.graphs))

    def probabilities(
        self, texts: Sequence[str], *, ids: Sequence[str] | None = None, links: Links | None = None
    ) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities, columns in the order of `classes`.

        ``links`` may join the texts (by ``ids``) to stored texts and to one another. Without links, a text's
        prediction does not depend on which others it comes with.
        """
        if not len(texts):
            return np.zeros((0, len(self.classes)), dtype=np.float32)
        return np.concatenate([self.calibration.apply(raw) for raw, _ in self._pieces(texts, ids, links)])

    def read(
        self, texts: Sequence[str], *, ids: Sequence[str] | None = None, links: Links | None = None
    ) -> tuple[Float32[np.ndarray, "B C"], Float32[Tensor, "B F"]]:
        """Return uncalibrated class probabilities and the encoder's rows, of one text or more."""
        pieces = [(raw, new.features.meaning) for raw, new in self._pieces(texts, ids, links)]
        raw, x = zip(*pieces, strict=True)
        return np.concatenate(raw), torch.cat(x)

    def judged(
        self, texts: Sequence[str], *, ids: Sequence[str] | None = None, links: Links | None = None
    ) -> tuple[Float32[np.ndarray, "B C"], Float32[np.ndarray, " B"]]:
        """Return class probabilities, as `probabilities`, and how likely each text is of none of the classes.

        A text whose score is above ``rejection.threshold`` is taken to be of none.

        Raises:
            ModelError: the model was made without such a score.
        """
        rejection = self.telling
        if not len(texts):
            return self.probabilities(texts), np.zeros(0, dtype=np.float32)
        raw, x = self.read(texts, ids=ids, links=links)
        return self.calibration.apply(raw), rejection.scores(raw, x)

    @property
    def several(self) -> bool:
        """Whether a text may have several labels, or none."""
        return self.calibration.thresholds is not None

    def named(self, marks: Bool[np.ndarray, " C"]) -> list[str]:
        """Return the names of some labels."""
        return [self.classes[at] for at in np.flatnonzero(marks)]

    def joined(self, marks: Bool[np.ndarray, " C"]) -> str:
        """Return some labels in one cell, as `table.read_table` reads it; of none the separator alone."""
        separator = self.plan.separator or ""
        return separator.join(self.named(marks)) or separator

    @property
    def telling(self) -> Rejection:
        """How texts of none of the classes are told.

        Raises:
            ModelError: the model was made without it.
        """
        if self.several:
            raise ModelError(
                "This model gives a text all labels that apply, or none: it has no score for texts of none.",
                fix="leave --unknown out.",
            )
        if self.rejection is None:
            raise ModelError(
                "This model cannot tell texts of no class: an older graphtune made it, or a plan that reads "
                "no meaning of texts.",
                fix="fit it again, with a plan (if any) whose candidates read the view meaning.",
            )
        return self.rejection

    def _pieces(
        self, texts: Sequence[str], ids: Sequence[str] | None, links: Links | None
    ) -> Iterator[tuple[Float32[np.ndarray, "B C"], NewRows]]:
        """Yield uncalibrated probabilities and features of texts, piece by piece."""
        names = [f"\0{number}" for number in range(len(texts))] if ids is None else ids
        # What many stored rows hold after each hop is worked out anew for each piece.
        step = len(texts) if links is not None else max(_AT_ONCE, len(self.stored.ids) // 8)
        for start in range(0, len(texts), step):
            piece = slice(start, start + step)
            new = self._new(texts[piece], names[piece], links)
            yield self.predictor.attach(self.data, new), new

    def neighbours(
        self,
        texts: Sequence[str],
        k: int = 5,
        *,
        ids: Sequence[str] | None = None,
        links: Links | None = None,
    ) -> list[list[Neighbour]]:
        """Return, for each text, the up to ``k`` stored texts it receives most from.

        Raises:
            ModelError: the model was saved without a graph.
        """
        if not self.candidate.graphs:
            raise ModelError(
                "This model was saved without a graph: it has no neighbours.",
                fix="leave --neighbours out; predictions and confidences are there without it.",
            )
        names = [f"\0{number}" for number in range(len(texts))] if ids is None else ids
        received = self._received(self._new(texts, names, links))
        told = []
        for row in range(len(texts)):
            part = slice(received.indptr[row], received.indptr[row + 1])
            column, weight = received.indices[part], received.data[part]
            best = np.lexsort((column, np.negative(weight)))[:k]
            told.append([self._told(int(column[at]), float(weight[at])) for at in best])
        return told

    def _received(self, new: NewRows) -> scipy.sparse.csr_array:
        """Return what each new row receives from each stored row, every graph counting the same."""
        total = scipy.sparse.csr_array((len(new.features), len(self.stored.ids)), dtype=np.float32)
        for name in sorted(self.candidate.graphs):
            stored = new.attachment(name, self.data.graphs[name]).stored
            sums = np.asarray(stored.sum(axis=1)).ravel()
            share = scipy.sparse.diags_array(1.0 / np.maximum(sums, 1e-12) / len(self.candidate.graphs))
            total = total + share @ stored
        return scipy.sparse.csr_array(total)

    def _told(self, node: int, weight: float) -> Neighbour:
        label = int(self.stored.labels[node])
        name = None if label < 0 else self.classes[label]
        if label >= 0 and self.stored.marks is not None:
            name = self.joined(self.stored.marks[node])
        return Neighbour(self.stored.ids[node], self.stored.texts[node], name, weight)

    def _new(self, texts: Sequence[str], ids: Sequence[str], links: Links | None) -> NewRows:
        features = self.maker.features(texts, cached=len(texts) >= _CACHED_FROM)
        rows: dict[str, Rows] = {
            name: self.graphs[name].rows(features, ids, links) for name in self.candidate.graphs
        }
        return NewRows(features, rows)
