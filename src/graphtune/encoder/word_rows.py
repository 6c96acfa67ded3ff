"""The rows of single words that an encoder knows, and how it cuts a text into these words.

A transformer's words are its tokens, with rows distilled from it (`TokenTable`). A TF-IDF's are its terms
that are no pairs of words, with their rows of the projection.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from graphtune.encoder.encoder import FittedEncoder
from graphtune.encoder.static import FittedStatic, Static
from graphtune.encoder.terms import terms
from graphtune.encoder.tfidf import FittedTfidf
from graphtune.encoder.transformer import Transformer
from graphtune.errors import EncoderError

Numbered = tuple[Int64[np.ndarray, " P"], Int64[np.ndarray, " _"]]


@dataclass(frozen=True, eq=False)
class WordRows:
    """A row for each word, and a reader of texts."""

    rows: Float32[Tensor, "V F"]  # zeros for what says nothing; over all others the mean square is 1
    read: Callable[[Sequence[str]], Numbered]  # words of all texts, -1 = unknown; where each text starts

    @classmethod
    def of(cls, encoder: FittedEncoder) -> "WordRows":
        """Return the words of an encoder; what has to be distilled is kept in the cache on disk.

        Raises:
            EncoderError: the encoder has no rows of words, or cannot be distilled.
        """
        if isinstance(encoder, Transformer):
            encoder = Static(encoder.name).fit(())
        if isinstance(encoder, FittedStatic):
            return cls(_scaled(encoder.table.rows), encoder.numbered)
        if isinstance(encoder, FittedTfidf):
            return cls(_scaled(encoder.components), _of_terms(encoder))
        raise EncoderError(
            f"{type(encoder).__name__.removeprefix('Fitted')} has no rows of single words.",
            fix="use a transformer, static or tfidf as the encoder.",
        )

    def numbered(self, texts: Sequence[str]) -> Numbered:
        """Return the words of all texts on end, and where each text starts; the last start is the end.

        Words without a row are left out, as if the text did not have them.
        """
        words, starts = self.read(texts)
        known = words >= 0
        known[known] = self._says[words[known]]
        return words[known], np.concatenate([[0], np.cumsum(known)])[starts]

    @cached_property
    def _says(self) -> Bool[np.ndarray, " V"]:
        return self.rows.any(dim=1).numpy()


def _scaled(rows: Float32[Tensor, "V F"]) -> Float32[Tensor, "V F"]:
    # By one factor: that frequent words have short rows is part of what the rows say.
    numbers = max(1, int(rows.any(dim=1).sum()) * rows.shape[1])
    return rows / (rows.double().square().sum() / numbers).sqrt().clamp_min(1e-12).float()


def _of_terms(encoder: FittedTfidf) -> Callable[[Sequence[str]], Numbered]:
    known = pa.array([encoder.vocabulary[column] for column in encoder.dense_columns.tolist()], pa.string())

    def read(texts: Sequence[str]) -> Numbered:
        each = [[term for term in terms(text) if " " not in term] for text in texts]
        flat = pa.array(chain.from_iterable(each), pa.string())
        found = pc.call_function("index_in", [flat], pc.SetLookupOptions(value_set=known))
        starts = np.concatenate([[0], np.cumsum([len(words) for words in each], dtype=np.int64)])
        return found.fill_null(-1).to_numpy().astype(np.int64), starts.astype(np.int64)

    return read
