"""How fast this machine encodes, counts words and compares rows, told from small samples."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch

from graphtune.encoder import BlockEncoder, Encoder, Static, Tfidf, uncached
from graphtune.errors import EncoderError
from graphtune.graph.nearest import LISTS_FROM, NARROW_FROM, largest
from graphtune.processor import fast_bfloat16

Result = TypeVar("Result")

_SECONDS = 1.0  # that encoding a sample may take, once the encoder is loaded, as its first texts tell
_FIRST, _MOST = 8, 4096  # texts it is timed on
_COUNTED, _LETTERS = 2000, 4_000_000  # texts whose words are counted; letters they may have together
_SPARSE = 20  # products of dense matrices that take as long as one with a sparse entry
_ROWS, _STORED = 256, 20_000  # of the product that is timed
_EDGE = 0.5e-6  # seconds to sort an edge into one graph; measured on two cores
# Searching in lists, as `graph.nearest` does: k-means with its check, and the lists.
_TO_DIVIDE, _PROBES = 1700, 50  # comparisons a row; lists searched, which really follow from the texts
_IN_LISTS = 6.0  # comparisons in lists as against others: longer lists are searched more, and rows gathered


@dataclass(frozen=True)
class EncoderPace:
    """What one encoder has to do for the texts of a table, and how long a text takes."""

    width: int
    texts: tuple[int, ...]  # of each part of the table, those that must be encoded
    cached: int  # different texts that need not be
    distilled: float  # seconds to distil token rows, where that is still to be done
    loaded: float  # seconds until the first text
    a_text: float  # seconds

    @property
    def ready(self) -> float:
        """Seconds until the first text."""
        return self.distilled + self.loaded

    @property
    def to_encode(self) -> int:
        """Texts that must be encoded."""
        return sum(self.texts)

    @property
    def seconds(self) -> float:
        """Seconds of encoding all that must be."""
        return self.ready + self.to_encode * self.a_text

    def encoding(self, part: int) -> float:
        """Return the seconds to encode one part, once the encoder is ready."""
        return self.texts[part] * self.a_text


@dataclass(frozen=True)
class WordPace:
    """How word counts grow with the number of texts, and how long they take."""

    words: Tfidf
    texts: int  # in the sample
    found: int  # different terms in it
    growth: float  # exponent by which terms grow with texts (Heaps' law), from the sample and its half
    counts: int  # term counts in the sample
    learned: float  # seconds to learn from it, beside counting
    read: float  # seconds to count it
    projected: float  # seconds to make it dense

    def terms(self, texts: int) -> int:
        """Return how many different terms so many texts have."""
        return round(self.found * (texts / self.texts) ** self.growth)

    def entries(self, texts: int) -> int:
        """Return how many term counts so many texts have."""
        return round(self.counts * texts / self.texts)

    def width(self, texts: int) -> int:
        """Return how many dense features they have."""
        return min(self.words.width, texts, self._dense(texts))

    def learning(self, texts: int) -> float:
        """Return the seconds to learn vocabulary and projection from so many texts."""
        return self.learned * self._work(texts) / self._work(self.texts) + self.reading(texts)

    def reading(self, texts: int) -> float:
        """Return the seconds to count the words of so many texts."""
        return self.read * texts / self.texts

    def projecting(self, texts: int) -> float:
        """Return the seconds to make their counts dense."""
        return self.projected * texts / self.texts

    def _dense(self, texts: int) -> int:
        return min(self.words.dense_terms, self.words.max_features, self.terms(texts))

    def _work(self, texts: int) -> int:
        # Of the randomised decomposition: sparse products, and triangular ones of both sides.
        width = self.words.width
        return (_SPARSE * self.entries(texts) + (texts + self._dense(texts)) * width) * width


def drawn(texts: Sequence[str], count: int) -> list[str]:
    """Return ``count`` texts at equal steps through all by length, so that their mean is that of all."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    count = min(count, len(texts))
    places = (np.arange(count) + 0.5) * (len(texts) / max(1, count))
    return [texts[int(at)] for at in np.argsort(lengths, kind="stable")[places.astype(np.int64)]]


def encoder_pace(encoder: Encoder, parts: Sequence[Sequence[str]], blocks: Sequence[int] = ()) -> EncoderPace:
    """Time ``encoder`` on a few of the texts that are not cached; the cache is left as it is.

    ``blocks``: those that are read, where several are.

    Raises:
        EncoderError: the encoder is not there, incomplete or altered.
    """
    fitted, distilled = encoder.trial() if isinstance(encoder, Static) else (encoder.fit(()), 0.0)
    before: set[str] = set()
    missing: list[list[str]] = []
    cached = 0
    for texts in parts:
        own = [text for text in texts if text not in before] if isinstance(fitted, BlockEncoder) else texts
        missing.append(uncached(fitted, own, blocks or None))
        if isinstance(fitted, BlockEncoder):
            cached += len({text for text in own if text.strip()}) - len(missing[-1])
            before.update(own)
    every = [text for part in missing for text in part]
    counts = tuple(len(part) for part in missing)
    if not every:
        return EncoderPace(fitted.width, counts, cached, distilled, 0.0, 0.0)
    first = drawn(every, _FIRST)
    loaded, _ = _timed(lambda: fitted.encode(first))
    a_text = _timed(lambda: fitted.encode(first))[0] / len(first)
    count = min(_MOST, int(_SECONDS / max(a_text, 1e-9)))
    if count > len(first):
        some = drawn(every, count)
        a_text = _quickest(lambda: fitted.encode(some)) / len(some)
    return EncoderPace(fitted.width, counts, cached, distilled, loaded, a_text)


def word_pace(words: Tfidf, texts: Sequence[str]) -> WordPace:
    """Time counting, learning and projecting words on a few texts.

    Raises:
        EncoderError: there is no term at all in the texts, or none in ``min_df`` of them.
    """
    letters = sum(map(len, texts)) / max(1, len(texts))
    some = drawn(texts, max(_FIRST, min(_COUNTED, int(_LETTERS / max(1.0, letters)))))
    # What is rare among few texts need not be so among all.
    settings = words if len(some) == len(texts) else replace(words, min_df=1)
    try:
        settings.fit(some[-_FIRST:])  # loads what fitting uses
        learning, fitted = _timed(lambda: settings.fit(some))
    except EncoderError:
        some = list(texts)
        learning, fitted = _timed(lambda: words.fit(some))
    reading, matrix = _timed(lambda: fitted.sparse(some))
    projecting, _ = _timed(lambda: fitted.dense(matrix))
    found, half = (len(np.unique(part.indices)) for part in (matrix, matrix[::2]))
    growth = min(1.0, max(0.0, math.log2(found / max(1, half))))
    learned = max(0.0, learning - reading)
    return WordPace(words, len(some), found, growth, matrix.nnz, learned, reading, projecting)


def graph_seconds(rows: int, width: int, views: int) -> float:
    """Return the seconds to find the nearest of ``rows`` rows of ``width`` features, in each of ``views``.

    Every row is compared with every other, or, of many rows, with those of some lists.
    """
    shape = (max(1, min(rows, _STORED)), max(1, width))
    stored = torch.nn.functional.normalize(torch.rand(shape, generator=torch.Generator()), dim=1)
    if rows >= NARROW_FROM and fast_bfloat16(stored.device):
        stored = stored.bfloat16()
    asked = stored[:_ROWS]
    nearest = min(15, len(stored))
    seconds = _quickest(lambda: largest(asked @ stored.T, nearest), 5)
    compared = float(rows)
    if rows >= LISTS_FROM:
        compared = min(compared, _TO_DIVIDE + (2 + _IN_LISTS * _PROBES / 2) * math.sqrt(rows))
    return seconds / (len(asked) * len(stored)) * rows * compared * views


def edge_seconds(edges: int) -> float:
    """Return the seconds to make graphs of so many edges."""
    return edges * _EDGE


def _quickest(work: Callable[[], object], times: int = 2) -> float:
    """Return the seconds of the quickest of several runs: the first ones make ready what later ones use."""
    return min(_timed(work)[0] for _ in range(times))


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
