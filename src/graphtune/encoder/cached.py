"""Encoding by way of the cache: what is there is read, what is not is encoded and kept."""

import time
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt64
from torch import Tensor

from graphtune.encoder.cache import Cache, text_hashes
from graphtune.encoder.encoder import BlockEncoder, FittedEncoder
from graphtune.errors import OutputError
from graphtune.progress import say

_SECONDS_BETWEEN_SHARDS = 5.0
_ROWS_PER_SHARD = 4096


def cached_encode(
    encoder: FittedEncoder, texts: Sequence[str], *, cache: Cache | None = None
) -> Float32[Tensor, "T F"]:
    """Return ``encoder.encode(texts)``, kept on disk if the encoder is one that is costly.

    What is read from the cache is bit for bit what was encoded. ``cache`` is the user's own by default. A
    cache that cannot be written to costs a note, never the result.

    Raises:
        EncoderError: the encoder is not there, incomplete or altered.
    """
    if not isinstance(encoder, BlockEncoder):
        return encoder.encode(texts)
    return cached_blocks(encoder, texts, (encoder.depth,), cache=cache)[encoder.depth]


def cached_blocks(
    encoder: BlockEncoder,
    texts: Sequence[str],
    blocks: Sequence[int] | Literal["all"] = "all",
    *,
    cache: Cache | None = None,
) -> dict[int, Float32[Tensor, "T F"]]:
    """As `cached_encode`, for several blocks: 0 is the embedding, ``encoder.depth`` the last block.

    Raises:
        EncoderError: no such block; the encoder is not there, incomplete or altered.
    """
    chosen = tuple(range(encoder.depth + 1)) if blocks == "all" else tuple(blocks)
    first: dict[str, int] = {}
    source = torch.tensor([first.setdefault(text, len(first)) for text in texts], dtype=torch.int64)
    unique = list(first)
    hashes = text_hashes(unique)
    shelf = _Shelf(encoder, chosen, Cache.of_user() if cache is None else cache)
    missing, rows = shelf.find(unique, hashes)
    try:
        for batch, features in encoder.batches([unique[i] for i in missing], chosen):
            where = missing[batch.numpy()]
            for block, values in features.items():
                rows[block][torch.from_numpy(where)] = values
            shelf.put(hashes[where], features)
    finally:
        shelf.flush()
    return {block: values[source] for block, values in rows.items()}


def uncached(
    encoder: FittedEncoder,
    texts: Sequence[str],
    blocks: Sequence[int] | None = None,
    *,
    cache: Cache | None = None,
) -> list[str]:
    """Return the texts that `cached_encode` would encode; nothing is encoded, verified or written.

    With ``blocks``, those that `cached_blocks` would.
    """
    if not isinstance(encoder, BlockEncoder):
        return list(texts)
    unique = [text for text in dict.fromkeys(texts) if text.strip()]
    store = Cache.of_user() if cache is None else cache
    key, hashes = (encoder.fingerprint, encoder.number_format), text_hashes(unique)
    known = np.ones(len(unique), dtype=bool)
    for block in (encoder.depth,) if blocks is None else blocks:
        known &= store.block(*key, block).known(hashes)
    return [unique[at] for at in np.flatnonzero(~known)]


class _Shelf:
    """Rows on their way into the cache. The first failure to write is noted and ends all writing."""

    def __init__(self, encoder: BlockEncoder, blocks: Sequence[int], cache: Cache) -> None:
        self.encoder, self.cache, self.width = encoder, cache, encoder.width
        self.key = (encoder.fingerprint, encoder.number_format)
        self.blocks = {block: cache.block(*self.key, block) for block in blocks}
        self.waiting: list[tuple[UInt64[np.ndarray, "B 2"], dict[int, Float32[Tensor, "B F"]]]] = []
        self.last = time.monotonic()
        self.writable = True

    def find(
        self, texts: Sequence[str], hashes: UInt64[np.ndarray, "T 2"]
    ) -> tuple[Int64[np.ndarray, " M"], dict[int, Float32[Tensor, "T F"]]]:
        """Return the texts that are not cached for every block and not blank, and the rows of the others."""
        there = np.ones(len(texts), dtype=bool)
        rows: dict[int, Tensor] = {}
        for block, shards in self.blocks.items():
            found, rows[block] = shards.find(hashes, self.width)
            there &= found
        there |= np.array([not text.strip() for text in texts], dtype=bool)
        return np.flatnonzero(~there), rows

    def put(self, hashes: UInt64[np.ndarray, "B 2"], features: dict[int, Float32[Tensor, "B F"]]) -> None:
        if not self.writable:
            return
        self.waiting.append((hashes, features))
        many = sum(len(part) for part, _ in self.waiting) >= _ROWS_PER_SHARD
        if many or time.monotonic() - self.last >= _SECONDS_BETWEEN_SHARDS:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting."""
        if not self.waiting or not self.writable:
            return
        hashes = np.concatenate([part for part, _ in self.waiting])
        try:
            self.cache.name(*self.key, self.encoder.describe())
            for block, shards in self.blocks.items():
                shards.add(hashes, torch.cat([features[block] for _, features in self.waiting]))
                shards.compact(self.width)
        except OutputError as error:
            self.writable = False
            say(f"note: encoding goes on without the cache. {error.problem}")
        self.waiting.clear()
        self.last = time.monotonic()
