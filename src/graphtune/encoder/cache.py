"""Encoded texts on disk, so that no text is encoded twice.

One folder for each encoder (by content), number format and block; in it shards that are written once,
whole, and never changed. Two processes may write at once: they write different shards. A kill loses at
most the rows that were not yet in a shard.
"""

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch
from jaxtyping import Bool, Float32, UInt8, UInt64
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from graphtune.artefact import write_json, written
from graphtune.encoder.directory import json_file
from graphtune.errors import EncoderError, OutputError
from graphtune.progress import say

_LAYOUT = "embeddings-1"  # a new layout gets a new name: what an older version wrote is left alone
_MANY_SHARDS = 64
_SECONDS_UNTIL_STALE = 24 * 3600.0
# A shard is opened twice, by safetensors and by torch: one that vanishes in between is a RuntimeError.
_UNREADABLE = (SafetensorError, OSError, ValueError, RuntimeError)


def cache_root() -> Path:
    """Return the cache directory: ``GRAPHTUNE_CACHE``, or the user's own for this platform."""
    given = os.environ.get("GRAPHTUNE_CACHE")
    return Path(given).expanduser() if given else platformdirs.user_cache_path("graphtune", appauthor=False)


@dataclass(frozen=True)
class Held:
    """What the cache holds of one encoder."""

    folder: Path
    name: str
    number_format: str
    fingerprint: str
    entries: int  # rows over all blocks, or of tokens
    size: int  # bytes


@dataclass(frozen=True)
class Cache:
    """The cache below ``root``."""

    root: Path

    @classmethod
    def of_user(cls) -> "Cache":
        """Return the cache in its usual place."""
        return cls(cache_root())

    def block(self, fingerprint: str, number_format: str, block: int) -> "BlockCache":
        """Return what is cached of one block of one encoder."""
        return BlockCache(
            self.root / _LAYOUT / f"{fingerprint[:32]}-{number_format}" / f"block-{block:02d}",
        )

    def tokens(self, fingerprint: str, number_format: str, block: int) -> Path:
        """Return where the states of tokens after one block of one encoder are kept."""
        return self.root / _LAYOUT / f"{fingerprint[:32]}-{number_format}" / f"states-{block:02d}"

    def table(self, fingerprint: str) -> Path:
        """Return where the distilled token rows of one encoder are kept."""
        return self.root / _LAYOUT / f"{fingerprint[:32]}-float32" / "tokens" / "table.safetensors"

    def name(self, fingerprint: str, number_format: str, description: dict[str, Any]) -> None:
        """Note beside the rows which encoder they are of.

        Raises:
            OutputError: the cache cannot be written to.
        """
        file = self.root / _LAYOUT / f"{fingerprint[:32]}-{number_format}" / "encoder.json"
        if not file.is_file():
            write_json(file, {"fingerprint": fingerprint, "number_format": number_format, **description})

    def held(self) -> list[Held]:
        """Return what is cached, largest first."""
        folders = (f for f in _listed(self.root / _LAYOUT) if f.is_dir())
        return sorted((_held(folder) for folder in folders), key=lambda h: (-h.size, h.folder.name))

    def clear(self, held: Sequence[Held]) -> int:
        """Remove what is cached of these encoders; return the number of bytes that were freed.

        Raises:
            OutputError: a folder cannot be removed.
        """
        freed = 0
        for one in held:
            try:
                shutil.rmtree(one.folder)
            except FileNotFoundError:
                continue  # another process cleared it too
            except OSError as error:
                raise OutputError(
                    f"{one.folder} cannot be removed: {error.strerror}.", fix="remove it by hand."
                ) from error
            freed += one.size
        return freed


class BlockCache:
    """The rows of one block, found by the hash of their text."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(
        self, hashes: UInt64[np.ndarray, "T 2"], width: int
    ) -> tuple[Bool[np.ndarray, " T"], Float32[Tensor, "T F"]]:
        """Return which texts are there, and their rows (zeros elsewhere). Spoilt shards are removed."""
        found = np.zeros(len(hashes), dtype=bool)
        rows = torch.zeros(len(hashes), width)
        order = np.argsort(hashes[:, 0], kind="stable")
        for shard in self._shards():
            if found.all():
                break
            held = _read(shard, width)
            if held is None:
                continue
            here, where = _matches(hashes, order, held[0])
            rows[torch.from_numpy(here)] = held[1][torch.from_numpy(where)]
            found[here] = True
        return found, rows

    def known(self, hashes: UInt64[np.ndarray, "T 2"]) -> Bool[np.ndarray, " T"]:
        """Return which texts are there; rows are not read, so that a spoilt one counts as there."""
        found = np.zeros(len(hashes), dtype=bool)
        order = np.argsort(hashes[:, 0], kind="stable")
        for shard in filter(_is_shard, _listed(self.folder)):
            held = _keys(shard)
            if held is not None:
                found[_matches(hashes, order, held)[0]] = True
        return found

    def add(self, hashes: UInt64[np.ndarray, "T 2"], rows: Float32[Tensor, "T F"]) -> None:
        """Write rows as a new shard.

        Raises:
            OutputError: the cache cannot be written to.
        """
        # The time in front keeps the shards in the order they were written in.
        shard = self.folder / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.safetensors"
        keys = torch.from_numpy(np.ascontiguousarray(hashes).view(np.uint8).reshape(len(hashes), 16).copy())
        rows = rows.contiguous()
        with written(shard) as partial:
            save_file({"hashes": keys, "rows": rows}, partial, metadata={"digest": _digest(keys, rows)})

    def compact(self, width: int) -> None:
        """Join the shards when there are many; no other process is waited for or disturbed.

        Raises:
            OutputError: the cache cannot be written to.
        """
        shards = self._shards()
        if len(shards) < _MANY_SHARDS:
            return
        # Two processes that join at once write the same rows twice, which costs space until the next
        # time and nothing else; a reader whose shard vanishes reads those rows as not cached.
        read = {shard: held for shard in shards if (held := _read(shard, width)) is not None}
        if read:
            hashes = np.concatenate([held[0] for held in read.values()])
            first = np.sort(np.unique(hashes, axis=0, return_index=True)[1])
            self.add(hashes[first], torch.cat([held[1] for held in read.values()])[torch.from_numpy(first)])
        for shard in read:
            with suppress(OSError):  # held open by another process on some systems: next time
                shard.unlink(missing_ok=True)

    def _shards(self) -> list[Path]:
        """Newest first: what was encoded last is asked for most often."""
        files = _listed(self.folder)
        for file in files:
            if file.name.startswith("."):
                _remove_stale(file)
        return sorted((f for f in files if _is_shard(f)), reverse=True)


def text_hashes(texts: Sequence[str]) -> UInt64[np.ndarray, "T 2"]:
    """Return 128 bits of hash for every text."""
    digests = (hashlib.blake2b(t.encode("utf-8", "surrogatepass"), digest_size=16).digest() for t in texts)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64, copy=False).reshape(len(texts), 2)


def _matches(
    wanted: UInt64[np.ndarray, "T 2"], order: np.ndarray, held: UInt64[np.ndarray, "S 2"]
) -> tuple[np.ndarray, np.ndarray]:
    """Return which of the wanted are held, and where; ``order`` sorts the wanted by their first half."""
    sorter = np.argsort(held[:, 0], kind="stable")
    place = np.searchsorted(held[sorter, 0], wanted[order, 0])
    inside = place < len(held)
    here, where = order[inside], sorter[place[inside]]
    same = (held[where] == wanted[here]).all(axis=1)
    return here[same], where[same]


def _read(shard: Path, width: int) -> tuple[UInt64[np.ndarray, "S 2"], Float32[Tensor, "S F"]] | None:
    """Return hashes and rows of a shard, or None if it is spoilt or was removed meanwhile."""
    try:
        with safe_open(shard, framework="pt") as file:
            keys, rows = file.get_tensor("hashes"), file.get_tensor("rows")
            digest = (file.metadata() or {}).get("digest")
    except _UNREADABLE as error:
        # Too many open files or no more memory are no fault of the shard's.
        if isinstance(error, SafetensorError) and shard.exists():
            _discard(shard, str(error))
        return None
    fits = rows.shape == (len(keys), width) and rows.dtype == torch.float32 and keys.shape[1:] == (16,)
    if not fits or digest != _digest(keys, rows):
        _discard(shard, "its content is not what was written")
        return None
    return _as_hashes(keys), rows


def _keys(shard: Path) -> UInt64[np.ndarray, "S 2"] | None:
    """Return the hashes of a shard as they stand there, or None if they cannot be read."""
    try:
        with safe_open(shard, framework="pt") as file:
            keys = file.get_tensor("hashes")
    except _UNREADABLE:
        return None
    return _as_hashes(keys) if keys.dtype == torch.uint8 and keys.shape[1:] == (16,) else None


def _as_hashes(keys: UInt8[Tensor, "S 16"]) -> UInt64[np.ndarray, "S 2"]:
    return np.ascontiguousarray(keys.numpy()).view("<u8").astype(np.uint64, copy=False)


def _digest(keys: UInt8[Tensor, "S 16"], rows: Float32[Tensor, "S F"]) -> str:
    digest = hashlib.sha256(keys.numpy().data)
    digest.update(rows.numpy().data)
    return digest.hexdigest()


def _discard(shard: Path, why: str) -> None:
    say(f"note: a spoilt file of the cache is left out and its texts are encoded anew ({shard.name}: {why})")
    with suppress(OSError):  # a cache that is read-only; the note has been given
        shard.unlink(missing_ok=True)


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []  # nothing is cached, or it cannot be read, which comes to the same


def _is_shard(file: Path) -> bool:
    return file.suffix == ".safetensors" and not file.name.startswith(".")


def _remove_stale(partial: Path) -> None:
    with suppress(OSError):  # another process was faster, or the cache is read-only
        if time.time() - partial.stat().st_mtime > _SECONDS_UNTIL_STALE:
            partial.unlink(missing_ok=True)


def _held(folder: Path) -> Held:
    fingerprint, _, number_format = folder.name.rpartition("-")
    try:
        description = json_file(folder / "encoder.json")
        name = str(description.get("name", description.get("kind", "?")))
    except EncoderError:
        name = "?"
    shards = [f for block in _listed(folder) if block.is_dir() for f in _listed(block) if _is_shard(f)]
    size = entries = 0
    for shard in shards:
        try:
            with safe_open(shard, framework="pt") as file:
                entries += file.get_slice("rows").get_shape()[0]
            size += shard.stat().st_size
        except _UNREADABLE:
            continue
    return Held(folder, name, number_format, fingerprint, entries, size)
