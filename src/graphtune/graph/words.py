"""A graph of texts and words: a text is linked to its words, a word to those it often stands near.

Source: Yao et al., AAAI 2019, arXiv:1809.05679, section 3, eq. 2-5.
Differs from the paper: stop words are kept unless told otherwise, and are then scikit-learn's; a word must
occur in a number of texts, where the paper counts occurrences; no loops here, the layers add their own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import rjieba
import scipy.sparse
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from graphtune.errors import GraphError
from graphtune.graph.rows import Attachment, Rows
from graphtune.graph.text_graph import TextGraph

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
# Vowel signs and accents, which Python does not count as letters, and scripts full of them.
_MARKS = (
    "\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
)
_LETTERS = f"(?:[^\\W_{_HAN}]|[{_MARKS}])+"
_TOKEN = re.compile(f"([{_HAN}]+)|({_LETTERS}(?:['’]{_LETTERS})*)")

StopWords = Literal["none", "english"]

_PAIRS_AT_ONCE = 4_000_000  # of words in one window; the memory of a step is bounded by it


def tokens(text: str) -> list[str]:
    """Return the words of ``text`` in order, in lower case; runs of Han characters are cut into words."""
    found: list[str] = []
    for han, word in _TOKEN.findall(text.lower()):
        if han:
            found += rjieba.cut(han)
        else:
            found.append(word.replace("’", "'"))
    return found


@dataclass(frozen=True)
class Words:
    """Text nodes, then word nodes; edges go both ways.

    Text-word edges weigh ``count * log(texts / texts with the word)``. Word-word edges weigh the pointwise
    mutual information ``log(p(i, j) / (p(i) p(j)))`` where it is positive, with p the share of sliding
    windows that hold the word, or both words. Rows whose words are all too rare stay isolated.

    Raises:
        GraphError: a setting is out of its range.
    """

    window: int = 20  # words of a sliding window; a shorter text is one window
    min_count: int = 2  # texts in which a word must occur
    word_edges: bool = True
    # Left out: they mostly say little of a topic; of a sentiment they may, for "not" and "no" are among them.
    stop_words: StopWords = "none"

    def __post_init__(self) -> None:
        for name, least in (("window", 2), ("min_count", 1)):
            if getattr(self, name) < least:
                raise GraphError(f"{name} = {getattr(self, name)} is too small.", fix=f"use {least} or more.")
        if self.stop_words not in get_args(StopWords):
            raise GraphError(
                f"stop_words = {self.stop_words!r} is no list of words.",
                fix=f"use one of {', '.join(map(repr, get_args(StopWords)))}.",
            )

    def build(self, rows: Rows) -> "WordGraph":
        """Build the graph; vocabulary and inverse text frequencies come from ``rows`` alone.

        Cost: O(L * window) time for L words in all, and memory for the word pairs that share a window.
        """
        words, starts, vocabulary = self._numbered(rows.texts)
        texts, size = len(rows), len(vocabulary)
        counts = _counts(words, starts, size)
        present = np.bincount(counts.indices, minlength=size)
        idf = np.log(texts / np.maximum(present, 1))
        weighted = _weighted(counts, idf)
        near = _mutual_information(words, starts, size, self.window) if self.word_edges else None
        blocks = [[scipy.sparse.csr_array((texts, texts)), weighted], [weighted.T, near]]
        matrix = scipy.sparse.csr_array(scipy.sparse.block_array(blocks, dtype=np.float32))
        return WordGraph(TextGraph.from_scipy(matrix, texts=texts), vocabulary, idf)

    def restored(self, graph: TextGraph, ids: Sequence[str], tensors: Mapping[str, Tensor]) -> "WordGraph":
        """Return what `build` gave, from its saved graph and tensors."""
        joined = tensors["vocabulary"].numpy().tobytes().decode()
        return WordGraph(graph, tuple(joined.split("\n")) if joined else (), tensors["idf"].numpy())

    def _numbered(
        self, texts: Sequence[str]
    ) -> tuple[Int64[np.ndarray, " L"], Int64[np.ndarray, " _"], tuple[str, ...]]:
        """Return the words kept, numbered, of all texts on end; where each text starts; the vocabulary."""
        flat, starts = _on_end(texts)
        encoded = flat.dictionary_encode()
        words = encoded.indices.to_numpy().astype(np.int64)
        everything = np.array(encoded.dictionary.to_pylist(), dtype=object)
        present = np.bincount(_counts(words, starts, everything.size).indices, minlength=everything.size)
        stopped = _stopped(self.stop_words)
        kept = np.fromiter((word not in stopped for word in everything), dtype=bool, count=everything.size)
        often = np.flatnonzero((present >= self.min_count) & kept)
        often = often[np.argsort(everything[often])]
        number = np.full(everything.size, -1, dtype=np.int64)
        number[often] = np.arange(often.size)
        return *_without_unknown(number[words], starts), tuple(everything[often])


@dataclass(frozen=True, eq=False)
class WordGraph:
    """The graph, and the words by which new texts find its word nodes."""

    graph: TextGraph
    vocabulary: tuple[str, ...]  # word ``i`` is node ``graph.texts + i``
    idf: Float64[np.ndarray, " V"]  # log(texts / texts with the word)

    def attach(self, rows: Rows) -> Attachment:
        """Connect new texts to the stored word nodes; words that are not stored count for nothing."""
        flat, starts = _on_end(rows.texts)
        options = pc.SetLookupOptions(value_set=pa.array(self.vocabulary, pa.string()))
        number = pc.call_function("index_in", [flat], options).fill_null(-1).to_numpy().astype(np.int64)
        words, starts = _without_unknown(number, starts)
        weighted = _weighted(_counts(words, starts, len(self.vocabulary)), self.idf)
        new, texts = len(rows), self.graph.texts
        # Word nodes stand behind the stored texts.
        stored = scipy.sparse.csr_array(
            (weighted.data.astype(np.float32), weighted.indices + texts, weighted.indptr),
            shape=(new, texts + len(self.vocabulary)),
        )
        return Attachment(stored, scipy.sparse.csr_array((new, new), dtype=np.float32))

    def tensors(self) -> dict[str, Tensor]:
        """Return the words (UTF-8, one a line) and their inverse text frequencies."""
        joined = bytearray("\n".join(self.vocabulary).encode())
        letters = torch.frombuffer(joined, dtype=torch.uint8) if joined else torch.zeros(0, dtype=torch.uint8)
        return {"vocabulary": letters, "idf": torch.from_numpy(self.idf)}


def _stopped(of: StopWords) -> frozenset[str]:
    if of == "none":
        return frozenset()
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return ENGLISH_STOP_WORDS


def _on_end(texts: Sequence[str]) -> tuple[pa.Array, Int64[np.ndarray, " _"]]:
    """Return the words of all texts on end, and where each text starts; the last start is the end."""
    each = [tokens(text) for text in texts]
    starts = np.zeros(len(each) + 1, dtype=np.int64)
    np.cumsum([len(words) for words in each], out=starts[1:])
    return pa.array([word for words in each for word in words], pa.string()), starts


def _without_unknown(
    words: Int64[np.ndarray, " L"], starts: Int64[np.ndarray, " _"]
) -> tuple[Int64[np.ndarray, " _"], Int64[np.ndarray, " _"]]:
    """Drop the words numbered -1."""
    known = words >= 0
    before = np.concatenate([[0], np.cumsum(known)])
    return words[known], before[starts]


def _counts(
    words: Int64[np.ndarray, " L"], starts: Int64[np.ndarray, " _"], size: int
) -> scipy.sparse.csr_array:
    """Return how often each span of ``words`` holds each word, [spans, vocabulary]."""
    ones = np.ones(words.size, dtype=np.int32)
    # A copy, for adding up duplicates changes the arrays in place.
    counts = scipy.sparse.csr_array((ones, words, starts), shape=(starts.size - 1, size), copy=True)
    counts.sum_duplicates()
    return counts


def _weighted(counts: scipy.sparse.csr_array, idf: Float64[np.ndarray, " V"]) -> scipy.sparse.csr_array:
    """Return counts times inverse text frequencies, without the words that every text has."""
    data = counts.data * idf[counts.indices]
    weights = scipy.sparse.csr_array((data, counts.indices, counts.indptr), shape=counts.shape)
    weights.eliminate_zeros()
    return weights


def _mutual_information(
    words: Int64[np.ndarray, " L"], starts: Int64[np.ndarray, " _"], size: int, window: int
) -> scipy.sparse.csr_array:
    """Return the positive pointwise mutual information of each pair of words, [vocabulary, vocabulary]."""
    spans = _Spans.of(words, starts, window)
    together = scipy.sparse.csr_array((size, size), dtype=np.int32)
    step = max(1, _PAIRS_AT_ONCE // spans.window)
    for first in range(0, words.size, step):
        pairs = spans.pairs(words, first, min(first + step, words.size), size)
        together = together + _upper(pairs, size, spans.bits)
    single = np.bincount(words, weights=spans.alone, minlength=size).astype(np.int64)
    upper = _positive(together, single, int(spans.windows.sum()))
    return upper + upper.T


@dataclass(frozen=True)
class _Spans:
    """Which windows hold a word for the last time, by where they start; so that no window is walked through.

    Windows are known by their first place, places by their number in all texts on end. A window counts two
    words once, at the last place of each in it: places p < q count for the windows from ``lowest[q]`` to the
    lesser of ``highest[p]`` and ``until[q]``.
    """

    window: int
    windows: Int64[np.ndarray, " T"]  # in each text
    lowest: Int64[np.ndarray, " L"]  # the first window that reaches as far as this place
    until: Int64[np.ndarray, " L"]  # the last before the word comes again, or before the text ends
    highest: Int64[np.ndarray, " L"]  # the same, but holding this place

    @classmethod
    def of(cls, words: Int64[np.ndarray, " L"], starts: Int64[np.ndarray, " _"], window: int) -> "_Spans":
        length = np.diff(starts)
        window = min(window, int(length.max(initial=2)))  # a wider one holds no more
        windows = np.where(length > 0, np.maximum(length - window + 1, 1), 0)
        begin = np.repeat(starts[:-1], length)
        end = begin + np.repeat(windows, length) - 1
        place = np.arange(words.size)
        until = np.minimum(end, _again(words, begin) - window)
        return cls(window, windows, np.maximum(begin, place - window + 1), until, np.minimum(place, until))

    @property
    def bits(self) -> int:
        """The bits that a number of windows takes, for one place counts for no more than a window's width."""
        return self.window.bit_length()

    @property
    def alone(self) -> Int64[np.ndarray, " L"]:
        """The number of windows that hold the word of a place, and hold it there for the last time."""
        return np.maximum(self.highest - self.lowest + 1, 0)

    def pairs(
        self, words: Int64[np.ndarray, " L"], first: int, last: int, size: int
    ) -> Int64[np.ndarray, " _"]:
        """Return pairs of different words with one of ``first`` to ``last`` in front.

        A pair is one number: the lesser word, the greater, and in the lowest bits the windows it counts for.
        """
        found = []
        for distance in range(1, self.window):
            front = slice(first, min(last, words.size - distance))
            back = slice(first + distance, front.stop + distance)
            count = np.minimum(self.highest[front], self.until[back]) - self.lowest[back] + 1
            held = np.flatnonzero(count > 0)
            one, other = words[front][held], words[back][held]
            pair = np.minimum(one, other) * size + np.maximum(one, other)
            found.append((pair << self.bits) + count[held])
        return np.concatenate(found)


def _again(words: Int64[np.ndarray, " L"], begin: Int64[np.ndarray, " L"]) -> Int64[np.ndarray, " L"]:
    """Return where the word of each place comes next in its text, or a place that is beyond any window."""
    far = np.iinfo(np.int64).max // 2
    bits = words.size.bit_length()
    ordered = np.sort((words << bits) + np.arange(words.size))
    places = ordered & ((1 << bits) - 1)
    here, there = places[:-1], places[1:]
    same = (ordered[:-1] >> bits == ordered[1:] >> bits) & (begin[here] == begin[there])
    again = np.full(words.size, far)
    again[here[same]] = there[same]
    return again


def _upper(pairs: Int64[np.ndarray, " _"], size: int, bits: int) -> scipy.sparse.csr_array:
    """Add up what `_Spans.pairs` gives, above the diagonal of [vocabulary, vocabulary]."""
    pairs.sort()
    both = pairs >> bits
    new = np.flatnonzero(np.diff(both, prepend=-1))
    counts = np.add.reduceat(pairs & ((1 << bits) - 1), new) if new.size else new
    row_starts = np.searchsorted(both[new], np.arange(size + 1) * size)
    columns = both[new] - np.repeat(np.arange(size) * size, np.diff(row_starts))
    return scipy.sparse.csr_array((counts.astype(np.int32), columns, row_starts), shape=(size, size))


def _positive(
    together: scipy.sparse.csr_array, single: Int64[np.ndarray, " V"], total: int
) -> scipy.sparse.csr_array:
    """Turn numbers of windows that hold two words into positive information."""
    size = single.size
    degree, columns, values = np.zeros(size, dtype=np.int64), [], []
    # By blocks, for most pairs are not kept.
    cuts = np.searchsorted(together.indptr, np.arange(0, together.nnz + _PAIRS_AT_ONCE, _PAIRS_AT_ONCE))
    for first, last in pairwise(np.unique(np.minimum(cuts, size))):
        part = together[first:last].tocoo()
        i, j = part.coords[0] + first, part.coords[1]
        # Compared as whole numbers, so that pairs that are just independent never come in by rounding.
        observed, expected = part.data.astype(np.int64) * total, single[i] * single[j]
        kept = observed > expected
        degree += np.bincount(i[kept], minlength=size)
        columns.append(j[kept])
        values.append(np.log(observed[kept] / expected[kept]).astype(np.float32))
    starts = np.concatenate([[0], np.cumsum(degree)])
    flat = [np.concatenate(pieces) if pieces else np.zeros(0, np.float32) for pieces in (values, columns)]
    return scipy.sparse.csr_array((flat[0], flat[1].astype(np.int64), starts), shape=(size, size))
