"""The matrices a candidate can read: meaning (encoder), words (TF-IDF), and both together.

Source of reading several blocks: Peters et al., NAACL 2018, arXiv:1802.05365; Tenney et al., ACL 2019,
arXiv:1905.05950. Differs from both: their pooled rows stand side by side, unweighted.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float32
from torch import Tensor

from graphtune.encoder import (
    BlockEncoder,
    FittedEncoder,
    FittedTfidf,
    Tfidf,
    cached_blocks,
    cached_encode,
    read_blocks,
    upper_blocks,
)
from graphtune.errors import PlanError

DenseView = Literal["meaning", "both", "even", "blocks"]
View = Literal["meaning", "words", "both", "even", "all", "blocks"]

OF_MEANING = frozenset[View]({"meaning", "both", "even", "all", "blocks"})
OF_WORDS = frozenset[View]({"words", "both", "even", "all"})
OF_TOPICS = frozenset[View]({"both", "even"})  # the TF-IDF's singular vectors
OF_BLOCKS = frozenset[View]({"blocks"})
_OF_TERMS = frozenset[View]({"meaning", "words"})  # where the encoder is the TF-IDF itself
_EVERY = frozenset[View](get_args(View))

MANY_NODES = 200_000  # from here on a further dense view is too much: features as large again, another search
BLOCKS_BELOW = 30_000  # nodes; several blocks are up to ten times the numbers of the last, and a long search

_KEPT = ("meaning", "words", "topics", "both", "even", "all")  # what has nothing of blocks below the last

# Squared length that word features have in each fusion.
_WORDS_IN_BOTH = 0.3
_WORDS_IN_EVEN = 0.5
_WORDS_IN_ALL = 0.7


def views_there(encoder: object, nodes: int, *, blocks: bool = True) -> frozenset[View]:
    """Return the views there are of so many texts that an encoder reads.

    Unless ``blocks``, it is not asked for several blocks, for which it has to be there.
    """
    if encoder == Tfidf():
        return _OF_TERMS
    several = blocks and nodes < BLOCKS_BELOW and has_blocks(encoder)
    return _EVERY if several else _EVERY - OF_BLOCKS


def has_blocks(encoder: object) -> bool:
    """Say whether several blocks of an encoder can be read."""
    return len(upper_blocks(encoder)) > 1


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
    blocks: tuple[int, ...] = ()  # of the encoder, the last among them; none where no view of them is read

    @classmethod
    def of(cls, encoder: FittedEncoder, terms: FittedTfidf | None, views: Collection[View]) -> "FeatureMaker":
        """Make what some views need.

        Raises:
            ValueError: several blocks are to be read of an encoder that has one, or none.
        """
        if not OF_BLOCKS & frozenset(views):
            return cls(encoder, terms)
        if not has_blocks(encoder):
            raise ValueError("its encoder does not have the blocks that are read of it")
        return cls(encoder, terms, upper_blocks(encoder))

    def only(self, views: Collection[View]) -> "FeatureMaker":
        """Return the same without blocks that none of ``views`` reads."""
        return self if not self.blocks or OF_BLOCKS & set(views) else replace(self, blocks=())

    @property
    def same(self) -> bool:
        """Whether the encoder is the word features themselves, so that fusing them adds nothing."""
        return self.encoder is self.terms

    @property
    def views(self) -> frozenset[View]:
        """The views that can be read of it."""
        if self.same:
            return _OF_TERMS
        return _EVERY if self.blocks else _EVERY - OF_BLOCKS

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
    ``blocks``: the encoder's upper blocks side by side, dense.
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

        def read() -> Tensor:
            return self._parted[1] if self.maker.blocks else encode(self.maker.encoder, self.texts)

        return self._saved("meaning", read)

    @cached_property
    def lower(self) -> Float32[Tensor, "N F"]:
        """The rows of the upper blocks less the last, side by side."""
        return self._saved("lower", lambda: self._parted[0])

    @cached_property
    def _parted(self) -> tuple[Float32[Tensor, "N F"], Float32[Tensor, "N G"]]:
        """The rows of the blocks below the last, and those of the last, in one pass."""
        encoder, blocks = self.maker.encoder, self.maker.blocks
        assert isinstance(encoder, BlockEncoder)  # others have no blocks
        if self.cached:
            read = cached_blocks(encoder, self.texts, blocks)
        else:
            read = read_blocks(encoder.batches, encoder.width, self.texts, blocks)
        return torch.cat([read[block] for block in blocks[:-1]], dim=1), read[blocks[-1]]

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

    @cached_property
    def blocks(self) -> Float32[Tensor, "N F"]:
        """The upper blocks side by side."""
        return torch.cat([self.lower, self.meaning], dim=1).mul_(len(self.maker.blocks) ** -0.5)

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

    def only(self, views: Collection[View]) -> "Features":
        """Return the same without blocks that none of ``views`` reads; what was read else is kept."""
        maker = self.maker.only(views)
        if maker is self.maker:
            return self
        made = replace(self, maker=maker)
        # The same tensors: a graph that was built on them is saved with them once.
        made.__dict__.update({name: self.__dict__[name] for name in _KEPT if name in self.__dict__})
        return made

    def tensors(self, views: Collection[View]) -> dict[str, Tensor]:
        """Return what must be saved so that the dense ``views`` can be restored without the texts."""
        needed = {"topics"} if self.maker.same else {"meaning"}
        needed |= {name for name, of in (("topics", OF_TOPICS), ("lower", OF_BLOCKS)) if of & set(views)}
        return {name: getattr(self, name) for name in sorted(needed)} if views else {}

    def _saved(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        return self.stored[name] if name in self.stored else make()


def _encode(encoder: FittedEncoder, texts: Sequence[str]) -> Float32[Tensor, "T F"]:
    return encoder.encode(texts)
