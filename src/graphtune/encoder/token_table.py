"""A row for every token of a transformer's vocabulary, distilled once.

Source: Tulkens & van Dongen, Model2Vec, 2024, doi:10.5281/zenodo.17270888: every token alone through the
model, principal components, weights by rank. The weights are of Arora, Liang & Ma, ICLR 2017, section 3,
with the frequency of a token estimated from its rank (Zipf).
Differs from the source: the transformer's own pooling and scaling to length 1 come before the components.
"""

import hashlib
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float32, Int64
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from graphtune.artefact import written
from graphtune.encoder.loading import LoadedTransformer
from graphtune.encoder.pooling import pooled, pooling_of
from graphtune.encoder.precision import chosen_device
from graphtune.encoder.quiet import serial_tokenizer
from graphtune.errors import EncoderError
from graphtune.progress import bar, say

RECIPE = 1  # raised whenever other rows are distilled from the same transformer
_TOKENS_AT_ONCE = 2048
_TOKENS_TRIED = 512  # to tell how long all of them take
_RARITY = 1e-4  # a in the weight a / (a + p) of a token of frequency p
_UNUSED = re.compile(r"[\[<]unused_?\d+[\]>]|madeupword\d+")


@dataclass(frozen=True, eq=False)
class TokenTable:
    """Weighted rows, and the tokenizer whose ids they belong to."""

    rows: Float32[Tensor, "V F"]  # zeros for a token that says nothing: special, unused or unknown
    tokenizer: str  # as the tokenizers library writes it

    @classmethod
    def distilled(cls, directory: Path, width: int) -> "TokenTable":
        """Pass every token through the transformer in ``directory``; at most ``width`` features are kept.

        Cost: O(V) passes of three tokens, in float32 so that any machine distils the same rows up to
        rounding.

        Raises:
            EncoderError: transformers cannot load it, or its tokenizer cannot be had as data.
        """
        loaded, tokenizer, ids = _ready(directory)
        found = _weighted(_components(_outputs(loaded, directory, ids), width))
        rows = torch.zeros(1 + max(loaded.tokenizer.get_vocab().values()), found.shape[1])
        rows[ids] = found
        return cls(rows, tokenizer)

    @classmethod
    def blank(cls, directory: Path, width: int) -> tuple["TokenTable", float]:
        """Return rows of zeros, and about how many seconds `distilled` takes, from a few of its tokens.

        Raises:
            EncoderError: as `distilled`.
        """
        start = time.perf_counter()
        loaded, tokenizer, ids = _ready(directory)
        some = ids[:: max(1, len(ids) // _TOKENS_TRIED)][:_TOKENS_TRIED]
        # The first pass makes ready what every later one uses.
        wide = _outputs(loaded, directory, some[:8]).shape[1]
        ready, start = time.perf_counter() - start, time.perf_counter()
        _outputs(loaded, directory, some)
        seconds = ready + (time.perf_counter() - start) * len(ids) / len(some)
        rows = torch.zeros(1 + max(loaded.tokenizer.get_vocab().values()), min(width, wide))
        return cls(rows, tokenizer), seconds

    @classmethod
    def read(cls, file: Path) -> "TokenTable | None":
        """Return what `write` wrote, or None if it is not there or spoilt (which is said)."""
        try:
            with safe_open(file, framework="pt") as held:
                rows, metadata = held.get_tensor("rows"), held.metadata() or {}
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError, ValueError) as error:
            return _discarded(file, str(error))
        tokenizer = metadata.get("tokenizer", "")
        if metadata.get("digest") != _digest(rows, tokenizer):
            return _discarded(file, "its content is not what was written")
        return cls(rows, tokenizer)

    def write(self, file: Path) -> None:
        """Write rows and tokenizer as one file.

        Raises:
            OutputError: it cannot be written.
        """
        metadata = {"tokenizer": self.tokenizer, "digest": _digest(self.rows, self.tokenizer)}
        with written(file) as partial:
            save_file({"rows": self.rows}, partial, metadata=metadata)


def _ready(directory: Path) -> tuple[LoadedTransformer, str, Int64[Tensor, " V"]]:
    """Return the transformer, its tokenizer as data, and the ids to distil."""
    loaded = LoadedTransformer.load(directory, chosen_device("auto"), torch.float32)
    backend = getattr(loaded.tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise EncoderError(
            f"The tokenizer of {directory} is not a fast one.",
            fix="save it with a tokenizer.json, or use another encoder.",
        )
    ids = _meaningful(loaded)
    if len(ids) < 2:
        raise EncoderError(
            f"The vocabulary of {directory} has {len(ids)} tokens to distil.", fix="use another encoder."
        )
    return loaded, backend.to_str(), ids


def _meaningful(loaded: LoadedTransformer) -> Int64[Tensor, " V"]:
    """Return the ids of all tokens but special and unused ones, ascending."""
    vocabulary: Mapping[str, int] = loaded.tokenizer.get_vocab()
    kept = {number for token, number in vocabulary.items() if not _UNUSED.fullmatch(token)}
    kept -= set(loaded.tokenizer.all_special_ids)
    # Some tokenizers were given tokens that the model never learned.
    known = range(loaded.model.config.vocab_size)  # type: ignore[union-attr, arg-type]
    return torch.tensor(sorted(kept.intersection(known)), dtype=torch.int64)


def _outputs(loaded: LoadedTransformer, directory: Path, ids: Int64[Tensor, " V"]) -> Float32[Tensor, "V F"]:
    """Return the pooled output of the last block for every token between the special ones of a text."""
    with serial_tokenizer():
        asked = loaded.tokenizer("a", return_special_tokens_mask=True)
    own = [place for place, special in enumerate(asked["special_tokens_mask"]) if not special]
    before, after = asked["input_ids"][: own[0]], asked["input_ids"][own[-1] + 1 :]
    length, depth = len(before) + 1 + len(after), loaded.depth
    pooling, parts = pooling_of(directory, None), []
    with bar("Distilling", float(len(ids)), "tokens") as progress:
        for part in ids.split(_TOKENS_AT_ONCE):
            tokens = [[*before, token, *after] for token in part.tolist()]
            states, mask = loaded.states(tokens, length, (depth,))
            parts.append(pooled(states[depth], mask, pooling).cpu())
            progress.advance(float(len(part)))
    return torch.cat(parts)


def _components(rows: Float32[Tensor, "V F"], width: int) -> Float32[Tensor, "V G"]:
    """Return at most ``width`` principal components, each with its largest part positive."""
    centred = rows.double() - rows.double().mean(dim=0)
    axes = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)[:, :width]
    largest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
    return (centred @ (axes * largest.sign())).float()


def _weighted(rows: Float32[Tensor, "V F"]) -> Float32[Tensor, "V F"]:
    """Scale by a / (a + p); ids ascend as frequency descends in the vocabularies in use."""
    inverse = 1 / torch.arange(2, len(rows) + 2, dtype=torch.float64)
    frequency = inverse / inverse.sum()
    return rows * (_RARITY / (_RARITY + frequency)).float().unsqueeze(1)


def _digest(rows: Float32[Tensor, "V F"], tokenizer: str) -> str:
    digest = hashlib.sha256(tokenizer.encode())
    digest.update(rows.contiguous().numpy().data)
    return digest.hexdigest()


def _discarded(file: Path, why: str) -> None:
    say(f"note: a spoilt file of the cache is left out and its tokens are distilled anew ({file}: {why})")
    with suppress(OSError):  # a cache that is read-only; the note has been given
        file.unlink(missing_ok=True)
