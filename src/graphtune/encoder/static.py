"""Texts as weighted means of token rows: for corpora where even a small transformer is too slow.

Source: Tulkens & van Dongen, Model2Vec, 2024, doi:10.5281/zenodo.17270888; Arora, Liang & Ma, ICLR 2017.
Differs from the source: nothing is learned from the texts, so the common component is not removed.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.encoder.cache import Cache
from graphtune.encoder.directory import MINILM
from graphtune.encoder.token_reader import TokenReader
from graphtune.encoder.token_table import RECIPE, TokenTable
from graphtune.encoder.transformer import Transformer
from graphtune.errors import EncoderError, OutputError
from graphtune.progress import bar, say


@dataclass(frozen=True)
class Static:
    """Token rows distilled from a transformer; the row of a text is their weighted mean, of L2 norm 1."""

    name: str = MINILM  # the transformer: "minilm", a Hugging Face directory, or a hub id
    width: int = 256  # features; fewer where the transformer has fewer
    max_tokens: int = 512  # what lies behind is not read

    def __post_init__(self) -> None:
        for name in ("width", "max_tokens"):
            if getattr(self, name) < 1:
                raise EncoderError(
                    f"encoder.{name} = {getattr(self, name)} is below 1.", fix="use 1 or more."
                )

    def describe(self) -> dict[str, Any]:
        """Return ``kind`` and every field, as a plan writes them."""
        return {"kind": "Static", **asdict(self)}

    def fit(self, texts: Sequence[str]) -> "FittedStatic":
        """Return the distilled rows, from the cache on disk where it holds them; nothing is read in texts.

        A cache that cannot be written to costs a note, and distilling again the next time.

        Raises:
            EncoderError: the transformer is not there, incomplete, altered or cannot be distilled, or the
                hub cannot be reached.
        """
        key, cache = self._key, Cache.of_user()
        file = cache.table(key)
        table = TokenTable.read(file)
        if table is None:
            table = TokenTable.distilled(Transformer(self.name).directory, self.width)
            try:
                table.write(file)
                cache.name(key, "float32", {**self.describe(), "name": self.spelling})
            except OutputError as error:
                say(f"note: encoding goes on without the cache. {error.problem}")
        return self._fitted(table, key)

    def trial(self) -> tuple["FittedStatic", float]:
        """Return an encoder that takes as long as the fitted one, and the seconds that fitting would take.

        Where the cache has no rows for it, they are zeros, and a few tokens are distilled to time it.

        Raises:
            EncoderError: as `fit`.
        """
        key = self._key
        table, seconds = TokenTable.read(Cache.of_user().table(key)), 0.0
        if table is None:
            table, seconds = TokenTable.blank(Transformer(self.name).directory, self.width)
        return self._fitted(table, key), seconds

    @property
    def _key(self) -> str:
        content = f"static {RECIPE} {Transformer(self.name).fingerprint} {self.width}"
        return hashlib.sha256(content.encode()).hexdigest()

    def _fitted(self, table: TokenTable, key: str) -> "FittedStatic":
        return FittedStatic(self, table, hashlib.sha256(f"{key} {self.max_tokens}".encode()).hexdigest())

    @property
    def spelling(self) -> str:
        """What `from_name` takes for it, where only the name is not the default."""
        return "static" if self.name == MINILM else f"static:{self.name}"


@dataclass(frozen=True, eq=False)
class FittedStatic:
    """Distilled token rows, ready for texts."""

    settings: Static
    table: TokenTable
    fingerprint: str  # of the transformer's content, the recipe and the settings; not of the rows' rounding

    @property
    def width(self) -> int:
        """Number of features."""
        return self.table.rows.shape[1]

    @property
    def parameters(self) -> int:
        """How many numbers its token rows hold."""
        return self.table.rows.numel()

    def encode(self, texts: Sequence[str]) -> Float32[Tensor, "T F"]:
        """Return a row of L2 norm 1 for every text; zeros for a text without a known token.

        Cost: O(tokens * F), most of it in the tokenizer.
        """
        rows = torch.zeros(len(texts), self.width)
        start = 0
        with bar("Encoding", float(len(texts)), "texts") as progress:
            for ids, offsets in self._reader.read(texts):
                found = torch.nn.functional.embedding_bag(ids, self.table.rows, offsets, mode="sum")
                rows[start : start + len(found)] = torch.nn.functional.normalize(found, dim=1)
                start += len(found)
                progress.advance(float(len(found)))
        return rows

    def numbered(self, texts: Sequence[str]) -> tuple[Int64[np.ndarray, " P"], Int64[np.ndarray, " _"]]:
        """Return the tokens of all texts on end, and where each text starts; the last start is the end."""
        found, lengths = [np.zeros(0, dtype=np.int64)], [np.zeros(1, dtype=np.int64)]
        for ids, offsets in self._reader.read(texts):
            found.append(ids.numpy())
            lengths.append(np.diff(offsets.numpy(), append=len(ids)))
        return np.concatenate(found), np.cumsum(np.concatenate(lengths))

    @cached_property
    def _reader(self) -> TokenReader:
        return TokenReader.of(self.table.tokenizer, self.settings.max_tokens)
