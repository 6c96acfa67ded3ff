"""What a block makes of every token of many texts: worked out once, kept on disk, mapped into memory."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import BFloat16, Float32, Int64, UInt64
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from graphtune.artefact import written
from graphtune.encoder.buckets import buckets
from graphtune.encoder.cache import Cache, text_hashes
from graphtune.encoder.loading import LoadedTransformer
from graphtune.encoder.streams import side_by_side
from graphtune.encoder.transformer import TOKENS_AT_ONCE, Transformer, streams
from graphtune.errors import OutputError
from graphtune.progress import bar, say

_SHARD_BYTES = 1 << 26
_BYTES = 2  # of a number, in bfloat16

Shard = BFloat16[Tensor, "_ F"]


@dataclass(frozen=True, eq=False)
class TokenStates:
    """The states of the tokens of some texts; equal texts share them."""

    shards: tuple[Shard, ...]
    shard: Int64[np.ndarray, " T"]  # in which a text's tokens are
    start: Int64[np.ndarray, " T"]  # from which row on
    length: Int64[np.ndarray, " T"]  # tokens; 0 of a blank text
    width: int
    content: bytes  # digest of texts, encoder and block

    @classmethod
    def of(
        cls, encoder: Transformer, texts: Sequence[str], block: int, *, cache: Cache | None = None
    ) -> "TokenStates":
        """Return what ``block`` puts out, from the cache where it holds it; the rest is kept there.

        A cache that cannot be written to costs a note, and memory in place of disk.

        Raises:
            EncoderError: no such block; the encoder is not there, incomplete or altered.
        """
        encoder.check_blocks((block,))
        unique = list(dict.fromkeys(text for text in texts if text.strip()))
        loaded = encoder.loaded
        tokens = loaded.tokens(unique, encoder.max_tokens)
        hashes = text_hashes(unique)
        lengths = np.array([len(ids) for ids in tokens], dtype=np.int64)
        store = _Store(encoder, block, Cache.of_user() if cache is None else cache)
        shards, place = [], {}
        with bar("Reading tokens", float(lengths.sum()), "tokens") as shown:
            for number, members in enumerate(_shared_out(lengths, hashes, encoder.width)):
                key = hashlib.sha256(hashes[members].tobytes()).hexdigest()[:32]
                kept = store.read(key, int(lengths[members].sum()))
                if kept is None:
                    kept = store.kept(key, _computed(loaded, [tokens[at] for at in members], block))
                shards.append(kept)
                begins = np.cumsum(lengths[members]) - lengths[members]
                place |= {unique[at]: (number, int(b)) for at, b in zip(members, begins, strict=True)}
                shown.advance(float(lengths[members].sum()))
        size = dict(zip(unique, lengths.tolist(), strict=True))
        found = [(*place.get(text, (0, 0)), size.get(text, 0)) for text in texts]
        shard, start, length = np.array(found, dtype=np.int64).reshape(len(texts), 3).T
        said = f"{encoder.fingerprint} {encoder.number_format} {block}".encode()
        content = hashlib.sha256(said + text_hashes(texts).tobytes()).digest()
        return cls(tuple(shards), shard, start, length, encoder.width, content)

    def digest(self) -> bytes:
        """Return a digest of the texts, the encoder and the block."""
        return self.content

    def padded(self, rows: Int64[np.ndarray, " B"]) -> tuple[Float32[Tensor, "B L F"], Int64[Tensor, "B L"]]:
        """Return the states of some texts, padded with zeros, and a mask of those that are tokens'.

        A text without tokens has one, of zeros: something must be attended to.
        """
        most = max(1, int(self.length[rows].max(initial=1)))
        states = torch.zeros(len(rows), most, self.width)
        mask = torch.zeros(len(rows), most, dtype=torch.int64)
        for at, row in enumerate(rows):
            count, start = int(self.length[row]), int(self.start[row])
            if count:
                states[at, :count] = self.shards[self.shard[row]][start : start + count]
            mask[at, : max(1, count)] = 1
        return states, mask


@dataclass(frozen=True, eq=False)
class TokenIds:
    """The token ids of some texts."""

    ids: tuple[tuple[int, ...], ...]  # of each different text
    place: Int64[np.ndarray, " T"]  # of a text among them
    padding: int

    @classmethod
    def of(cls, encoder: Transformer, texts: Sequence[str]) -> "TokenIds":
        """Return what the encoder's tokenizer makes of ``texts``.

        Raises:
            EncoderError: the encoder is not there, incomplete or altered.
        """
        place: dict[str, int] = {}
        numbers = [place.setdefault(text, len(place)) for text in texts]
        found = encoder.loaded.tokens(list(place), encoder.max_tokens)
        return cls(tuple(map(tuple, found)), np.array(numbers, dtype=np.int64), encoder.loaded.padding)

    @property
    def length(self) -> Int64[np.ndarray, " T"]:
        """Tokens of each text."""
        return np.array([len(ids) for ids in self.ids], dtype=np.int64)[self.place]

    def padded(self, rows: Int64[np.ndarray, " B"]) -> tuple[Int64[Tensor, "B L"], Int64[Tensor, "B L"]]:
        """Return the ids of some texts, padded, and a mask of those that are no padding."""
        some = [self.ids[at] for at in self.place[rows]]
        ids = torch.full((len(some), max(1, *map(len, some))), self.padding)
        mask = torch.zeros_like(ids)
        for at, own in enumerate(some):
            ids[at, : len(own)] = torch.tensor(own, dtype=torch.int64)
            mask[at, : max(1, len(own))] = 1
        return ids, mask

    def digest(self) -> bytes:
        """Return a digest of the ids."""
        return hashlib.sha256(repr((self.ids, self.padding)).encode() + self.place.tobytes()).digest()


class _Store:
    """The shards of one block of one encoder, each named by the texts it is of."""

    def __init__(self, encoder: Transformer, block: int, cache: Cache) -> None:
        self.folder = cache.tokens(encoder.fingerprint, encoder.number_format, block)
        self.width, self.writable = encoder.width, True

    def read(self, key: str, count: int) -> Shard | None:
        """Return a shard of ``count`` tokens, mapped into memory; None if it is not there, or spoilt."""
        path = self.folder / f"{key}.safetensors"
        try:
            with safe_open(path, framework="pt") as file:
                rows = file.get_tensor("rows")
                digest = (file.metadata() or {}).get("digest")
        except (SafetensorError, OSError, ValueError, RuntimeError):
            return None
        whole = rows.shape == (count, self.width) and rows.dtype == torch.bfloat16
        return rows if whole and digest == _digest(rows) else None

    def kept(self, key: str, rows: Shard) -> Shard:
        """Write a shard, and return it as it is read; the first failure to write ends all writing."""
        if self.writable:
            path = self.folder / f"{key}.safetensors"
            try:
                with written(path) as partial:
                    save_file({"rows": rows}, partial, metadata={"digest": _digest(rows)})
            except OutputError as error:
                self.writable = False
                say(f"note: tokens are read without the cache. {error.problem}")
        found = self.read(key, len(rows)) if self.writable else None
        return rows if found is None else found


def _shared_out(
    lengths: Int64[np.ndarray, " T"], hashes: UInt64[np.ndarray, "T 2"], width: int
) -> Iterator[Int64[np.ndarray, " M"]]:
    """Yield the texts of each shard; the same texts in another order make the same shards."""
    order = np.lexsort((hashes[:, 1], hashes[:, 0], lengths))
    ends = np.cumsum(lengths[order]) * width * _BYTES
    for number in np.unique(ends // _SHARD_BYTES):
        yield order[ends // _SHARD_BYTES == number]


def _computed(loaded: LoadedTransformer, tokens: list[list[int]], block: int) -> Shard:
    lengths = [len(ids) for ids in tokens]
    start = np.cumsum(lengths) - lengths
    at_once = streams(loaded.device, sum(lengths))
    plan = list(buckets(lengths, TOKENS_AT_ONCE // at_once))

    def states(batch: tuple[int, list[int]]) -> Tensor:
        padded, members = batch
        found, _ = loaded.states([tokens[m] for m in members], padded, (block,))
        return found[block].to("cpu", torch.bfloat16)

    rows: Tensor | None = None
    for (_, members), found in zip(plan, side_by_side(states, plan, at_once), strict=True):
        if rows is None:
            rows = torch.empty(sum(lengths), found.shape[2], dtype=torch.bfloat16)
        for member, text in zip(members, found, strict=True):
            rows[start[member] : start[member] + lengths[member]] = text[: lengths[member]]
    assert rows is not None
    return rows


def _digest(rows: Shard) -> str:
    return hashlib.sha256(rows.contiguous().view(torch.int16).numpy().data).hexdigest()
