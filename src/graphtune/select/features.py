"""The matrices a candidate can read: meaning (encoder), words (TF-IDF), and both together."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float32
from torch import Tensor

from graphtune.encoder import FittedEncoder, FittedTfidf, cached_encode
from graphtune.errors import PlanError

DenseView = Literal["meaning", "both", "even"]
View = Literal["meaning", "words", "both", "even", "all"]

OF_MEANING = frozenset[View]({"meaning", "both", "even", "all"})
OF_WORDS = frozenset[View]({"words", "both", "even", "all"})
OF_TOPICS = frozenset[View]({"both", "even"})  # the TF-IDF's singular vectors

# Squared length that word features have in each fusion.
_WORDS_IN_BOTH = 0.3
_WORDS_IN_EVEN = 0.5
_WORDS_IN_ALL = 0.7


def check_dense(view: str, reader: str) -> None:
    """See that ``reader``, which averages or searches rows, is given a dense view.

    Raises:
        PlanError: it is not.
    """
    dense = get_args(DenseView)
    if view not in dense:
        raise PlanError(
            f"{reader} reads dense views only, and {view!r} is none.",
            fix=f"use one of {', '.join(map(repr, dense))}; Probe reads every view.",
        )


@dataclass(frozen=True, eq=False)
class FeatureMaker:
    """Turns texts into features; fitted on texts that training may look at."""

    encoder: FittedEncoder
    terms: FittedTfidf | None  # None where no view is read that has words in it

    @property
    def same(self) -> bool:
        """Whether the encoder is the word features themselves, so that fusing them adds nothing."""
        return self.encoder is self.terms

    @property
    def words(self) -> FittedTfidf:
        """The word features.

        Raises:
            ValueError: it was made without them.
        """
        if self.terms is None:
            raise ValueError("These features were made without words.")
        return self.terms

    def features(self, texts: Sequence[str], *, cached: bool = True) -> "Features":
        """Return the features of ``texts``, each view made when it is first asked for.

        Unless ``cached``, the cache on disk is neither read nor written.
        """
        return Features(self, tuple(texts), cached=cached)


@dataclass(frozen=True, eq=False)
class Features:
    """Features of the same rows in several views, each with rows of L2 norm 1, or of zeros.

    ``meaning``: encoder, dense. ``words``: TF-IDF, sparse. ``both``: encoder and the TF-IDF's singular
    vectors, dense; ``even``: the same in equal shares. ``all``: encoder and TF-IDF side by side, sparse.
    """

    maker: FeatureMaker
    texts: tuple[str, ...]
    stored: Mapping[str, Tensor] = field(default_factory=dict)  # dense views that were saved
    cached: bool = True

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def meaning(self) -> Float32[Tensor, "N F"]:
        """The encoder's features; from the cache on disk where it holds them."""
        if self.maker.same:
            return self.topics
        encode = cached_encode if self.cached else _encode
        return self._saved("meaning", lambda: encode(self.maker.encoder, self.texts))

    @cached_property
    def words(self) -> scipy.sparse.csr_array:
        """The TF-IDF."""
        return self.maker.words.sparse(self.texts)

    @cached_property
    def topics(self) -> Float32[Tensor, "N F"]:
        """The TF-IDF's singular vectors."""
        return self._saved("topics", lambda: self.maker.words.dense(self.words))

    @cached_property
    def both(self) -> Float32[Tensor, "N F"]:
        """The dense fusion."""
        return self._fused(_WORDS_IN_BOTH)

    @cached_property
    def even(self) -> Float32[Tensor, "N F"]:
        """The dense fusion in equal shares."""
        return self._fused(_WORDS_IN_EVEN)

    def _fused(self, share: float) -> Float32[Tensor, "N F"]:
        joined = torch.cat([self.meaning * math.sqrt(1 - share), self.topics * math.sqrt(share)], dim=1)
        # A text without known terms, or without meaning, has one part only.
        return joined.div_(joined.norm(dim=1, keepdim=True).clamp_min_(1e-12))

    @cached_property
    def all(self) -> scipy.sparse.csr_array:
        """The sparse fusion."""
        from sklearn.preprocessing import normalize

        share = np.float32(_WORDS_IN_ALL)
        dense = scipy.sparse.csr_array(self.meaning.numpy() * np.sqrt(1 - share))
        joined = scipy.sparse.csr_array(scipy.sparse.hstack([dense, self.words * np.sqrt(share)]))
        return scipy.sparse.csr_array(normalize(joined, copy=False))

    def view(self, name: View) -> Tensor | scipy.sparse.csr_array:
        """Return one view's matrix."""
        return getattr(self, name)

    def dense(self, name: View) -> Float32[Tensor, "N F"]:
        """Return a view that graphs and layers can read.

        Raises:
            PlanError: the view is sparse.
        """
        check_dense(name, "What averages or searches rows")
        return getattr(self, name)

    def tensors(self, views: Collection[View]) -> dict[str, Tensor]:
        """Return what must be saved so that the dense ``views`` can be restored without the texts."""
        needed = (
            {"topics"} if self.maker.same else {"meaning"} | ({"topics"} if OF_TOPICS & set(views) else set())
        )
        return {name: getattr(self, name) for name in sorted(needed)} if views else {}

    def _saved(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        return self.stored[name] if name in self.stored else make()


def _encode(encoder: FittedEncoder, texts: Sequence[str]) -> Float32[Tensor, "T F"]:
    return encoder.encode(texts)
