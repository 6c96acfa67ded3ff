"""The token ids of many texts on end, every different word tokenised once."""

import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from jaxtyping import Int64
from tokenizers import Tokenizer
from torch import Tensor

from graphtune.encoder.loading import readable
from graphtune.encoder.quiet import serial_tokenizer

_TEXTS_AT_ONCE = 8192  # bounds the memory that tokens take
_A_THREAD = 256  # texts or words that a thread tokenises
_FEW = 64  # texts; so many are tokenised before their words could be looked up
# Where BERT's tokenizers cut: all of ASCII's punctuation but what encloses added tokens, such as [SEP].
_CUT = r"([!-/:-@\\^-`{-~])|[\t\n\r]"
_ADDED, _PLAIN = re.compile(r"\[\S*\]"), "^[0-9A-Za-z]+$"

Tokens = tuple[Int64[np.ndarray, " P"], Int64[np.ndarray, " T"]]  # ids of all texts; how many each has


@dataclass(frozen=True, eq=False)
class _Words:
    """The vocabulary of a tokenizer whose tokens never hold a blank, or anything across one, as BERT's."""

    tokens: pa.Array
    numbers: Int64[np.ndarray, " V"]
    lower: bool  # whether texts are read in lower case

    @classmethod
    def of(cls, settings: dict[str, Any]) -> "_Words | None":
        """Return the vocabulary; None for any other tokenizer."""
        kinds = [(settings.get(part) or {}).get("type") for part in ("normalizer", "pre_tokenizer", "model")]
        if kinds != ["BertNormalizer", "BertPreTokenizer", "WordPiece"]:
            return None
        if not all(_ADDED.fullmatch(token["content"]) for token in settings.get("added_tokens", ())):
            return None
        vocabulary: dict[str, int] = settings["model"]["vocab"]
        numbers = np.fromiter(vocabulary.values(), np.int64, len(vocabulary))
        return cls(pa.array(list(vocabulary), pa.string()), numbers, settings["normalizer"]["lowercase"])

    def known(self, different: pa.Array) -> Int64[np.ndarray, " _"]:
        """Return the token of each plain word that is one token, and -1 for all others."""
        read = pc.call_function("ascii_lower", [different]) if self.lower else different
        found = pc.call_function("index_in", [read], pc.SetLookupOptions(value_set=self.tokens))
        plain = pc.call_function("match_substring_regex", [read], pc.MatchSubstringOptions(_PLAIN))
        at = found.fill_null(-1).to_numpy()
        return np.where(plain.to_numpy(zero_copy_only=False) & (at >= 0), self.numbers[at], -1)


@dataclass(frozen=True, eq=False)
class TokenReader:
    """A tokenizer without special tokens, cut to so many tokens a text."""

    tokenizer: Tokenizer
    most: int
    words: _Words | None  # where a text's tokens are those of what stands between its blanks

    @classmethod
    def of(cls, settings: str, most: int) -> "TokenReader":
        """Make one of what ``Tokenizer.to_str`` gave."""
        tokenizer = Tokenizer.from_str(settings)
        tokenizer.no_padding()
        tokenizer.enable_truncation(most)
        return cls(tokenizer, most, _Words.of(json.loads(settings)))

    def read(self, texts: Sequence[str]) -> Iterator[tuple[Int64[Tensor, " P"], Int64[Tensor, " T"]]]:
        """Yield the ids of some texts, and where each text starts among them, until all had a turn."""
        words = self.words if len(texts) > _FEW else None
        # The tokenizer's own threads would stay, and warn at every later fork of the process. These end
        # here, and do run side by side, since the tokenizer lets go of Python's lock.
        with serial_tokenizer(), ThreadPoolExecutor(torch.get_num_threads()) as threads:
            for start in range(0, len(texts), _TEXTS_AT_ONCE):
                some = readable(texts[start : start + _TEXTS_AT_ONCE], self.most)
                found = self._each(some, threads) if words is None else self._of_words(some, words, threads)
                ids, lengths = found
                yield torch.from_numpy(ids), torch.from_numpy(np.cumsum(lengths) - lengths)

    def _each(self, texts: Sequence[str], threads: ThreadPoolExecutor) -> Tokens:
        parts = [texts[start : start + _A_THREAD] for start in range(0, len(texts), _A_THREAD)]
        found = [(_NONE, _NONE), *threads.map(partial(_ids, self.tokenizer), parts)]
        ids, lengths = zip(*found, strict=True)
        return np.concatenate(ids), np.concatenate(lengths)

    def _of_words(self, texts: Sequence[str], words: _Words, threads: ThreadPoolExecutor) -> Tokens:
        apart = pc.call_function(
            "replace_substring_regex",
            [pa.array(texts, pa.string())],
            pc.ReplaceSubstringOptions(_CUT, r" \1 "),
        )
        cut = pc.call_function("split_pattern", [apart], pc.SplitPatternOptions(" "))
        coded = cut.flatten().dictionary_encode()
        ids, lengths = self._of_each(coded.dictionary, words, threads)
        word = coded.indices.to_numpy()
        first, count = (np.cumsum(lengths) - lengths)[word], lengths[word]
        # Where each word's tokens begin among those of its batch, then among those of its text.
        begin = np.concatenate([[0], np.cumsum(count)])
        ends = np.cumsum(pc.call_function("list_value_length", [cut]).to_numpy())
        starts = begin[np.concatenate([[0], ends[:-1]])]
        place = np.arange(begin[-1])
        flat = ids[np.repeat(first - begin[:-1], count) + place]
        whole = begin[ends] - starts
        if whole.max(initial=0) > self.most:
            flat = flat[place - np.repeat(starts, whole) < self.most]
        return flat, np.minimum(whole, self.most)

    def _of_each(self, different: pa.Array, words: _Words, threads: ThreadPoolExecutor) -> Tokens:
        known = words.known(different)
        others = np.flatnonzero(known < 0)
        other_ids, other_lengths = self._each(different.take(pa.array(others)).to_pylist(), threads)
        lengths = np.ones(len(known), dtype=np.int64)
        lengths[others] = other_lengths
        first = np.cumsum(lengths) - lengths
        ids = np.empty(int(lengths.sum()), dtype=np.int64)
        ids[first[known >= 0]] = known[known >= 0]
        shift = first[others] - (np.cumsum(other_lengths) - other_lengths)
        ids[np.repeat(shift, other_lengths) + np.arange(len(other_ids))] = other_ids
        return ids, lengths


_NONE = np.zeros(0, dtype=np.int64)


def _ids(tokenizer: Tokenizer, texts: Sequence[str]) -> Tokens:
    found = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    lengths = np.fromiter((len(one) for one in found), np.int64, len(found))
    return np.fromiter(chain.from_iterable(one.ids for one in found), np.int64, int(lengths.sum())), lengths
