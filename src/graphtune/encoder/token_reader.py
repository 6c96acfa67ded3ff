"""The token ids of many texts on end, every different word tokenised once."""

import json
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

Tokens = tuple[Int64[np.ndarray, " P"], Int64[np.ndarray, " T"]]  # ids of all texts; how many each has


@dataclass(frozen=True, eq=False)
class TokenReader:
    """A tokenizer without special tokens, cut to so many tokens a text."""

    tokenizer: Tokenizer
    most: int
    by_words: bool  # whether a text's tokens are those of what stands between its blanks

    @classmethod
    def of(cls, settings: str, most: int) -> "TokenReader":
        """Make one of what ``Tokenizer.to_str`` gave."""
        tokenizer = Tokenizer.from_str(settings)
        tokenizer.no_padding()
        tokenizer.enable_truncation(most)
        return cls(tokenizer, most, _cuts_at_blanks(json.loads(settings)))

    def read(self, texts: Sequence[str]) -> Iterator[tuple[Int64[Tensor, " P"], Int64[Tensor, " T"]]]:
        """Yield the ids of some texts, and where each text starts among them, until all had a turn."""
        # The tokenizer's own threads would stay, and warn at every later fork of the process. These end
        # here, and do run side by side, since the tokenizer lets go of Python's lock.
        with serial_tokenizer(), ThreadPoolExecutor(torch.get_num_threads()) as threads:
            for start in range(0, len(texts), _TEXTS_AT_ONCE):
                some = readable(texts[start : start + _TEXTS_AT_ONCE], self.most)
                ids, lengths = self._of_words(some, threads) if self.by_words else self._each(some, threads)
                yield torch.from_numpy(ids), torch.from_numpy(np.cumsum(lengths) - lengths)

    def _each(self, texts: Sequence[str], threads: ThreadPoolExecutor) -> Tokens:
        parts = [texts[start : start + _A_THREAD] for start in range(0, len(texts), _A_THREAD)]
        found = [(_NONE, _NONE), *threads.map(partial(_ids, self.tokenizer), parts)]
        ids, lengths = zip(*found, strict=True)
        return np.concatenate(ids), np.concatenate(lengths)

    def _of_words(self, texts: Sequence[str], threads: ThreadPoolExecutor) -> Tokens:
        cut = pc.call_function("split_pattern", [pa.array(texts, pa.string())], pc.SplitPatternOptions(" "))
        coded = cut.flatten().dictionary_encode()
        ids, lengths = self._each(coded.dictionary.to_pylist(), threads)
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


_NONE = np.zeros(0, dtype=np.int64)


def _ids(tokenizer: Tokenizer, texts: Sequence[str]) -> Tokens:
    found = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    lengths = np.fromiter((len(one) for one in found), np.int64, len(found))
    return np.fromiter(chain.from_iterable(one.ids for one in found), np.int64, int(lengths.sum())), lengths


def _cuts_at_blanks(settings: dict[str, Any]) -> bool:
    """Say whether no blank, and nothing across one, takes part in a token, as with BERT's tokenizers."""
    kinds = [(settings.get(part) or {}).get("type") for part in ("normalizer", "pre_tokenizer", "model")]
    added = settings.get("added_tokens", ())
    return kinds == ["BertNormalizer", "BertPreTokenizer", "WordPiece"] and not any(
        " " in token["content"] for token in added
    )
