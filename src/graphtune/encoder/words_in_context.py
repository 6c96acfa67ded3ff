"""What a block makes of each token of a text where it stands, its marks of beginning and end included."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.encoder.encoder import FittedEncoder
from graphtune.encoder.token_states import TokenIds, TokenStates
from graphtune.encoder.transformer import Transformer
from graphtune.errors import EncoderError

_AT_ONCE = 256  # texts


@dataclass(frozen=True, eq=False)
class WordsInContext:
    """The tokens of some texts on end, and a row for each."""

    words: Int64[np.ndarray, " P"]
    starts: Int64[np.ndarray, " _"]  # where each text starts; the last start is the end
    states: TokenStates

    @classmethod
    def of(cls, encoder: FittedEncoder, texts: Sequence[str], block: int) -> "WordsInContext":
        """Return what ``block`` puts out, from the cache on disk where it is there.

        Raises:
            EncoderError: the encoder is no transformer, incomplete or altered; no such block.
        """
        if not isinstance(encoder, Transformer):
            raise EncoderError(
                f"{type(encoder).__name__.removeprefix('Fitted')} reads no word in its context.",
                fix="use a transformer as the encoder, or leave block out.",
            )
        states, ids = TokenStates.of(encoder, texts, block), TokenIds.of(encoder, texts)
        each = [ids.ids[at] if count else () for at, count in zip(ids.place, states.length, strict=True)]
        flat = np.fromiter(chain.from_iterable(each), np.int64)
        return cls(flat, np.concatenate([[0], np.cumsum([len(own) for own in each], dtype=np.int64)]), states)

    def rows(self) -> Iterator[tuple[slice, Float32[Tensor, "P F"]]]:
        """Yield the rows of some tokens, and which ones they are, until all had a turn."""
        texts = len(self.starts) - 1
        for start in range(0, texts, _AT_ONCE):
            end = min(start + _AT_ONCE, texts)
            found, mask = self.states.padded(np.arange(start, end))
            lengths = torch.from_numpy(np.diff(self.starts[start : end + 1]))
            # A text without tokens is padded to one.
            kept = mask.bool() & (lengths > 0)[:, None]
            yield slice(int(self.starts[start]), int(self.starts[end])), found[kept]
