"""What turns texts into features."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float32, Int64
from torch import Tensor


@runtime_checkable
class FittedEncoder(Protocol):
    """An encoder that is ready to encode; the same text always yields the same row."""

    @property
    def width(self) -> int:
        """Number of features."""
        ...

    @property
    def parameters(self) -> int:
        """How many numbers it holds that were learned from texts."""
        ...

    @property
    def fingerprint(self) -> str:
        """Digest of everything the features depend on: weights, vocabulary and settings."""
        ...

    def encode(self, texts: Sequence[str]) -> Float32[Tensor, "T F"]:
        """Return a row of L2 norm 1 for every text; zeros for a text in which there is nothing to read."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """A frozen dataclass whose fields are the settings of one way to read texts."""

    def fit(self, texts: Sequence[str]) -> FittedEncoder:
        """Learn what has to be learned from training and unlabelled texts, never from test texts."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return ``kind`` and every field, as a plan writes them."""
        ...


@runtime_checkable
class BlockEncoder(FittedEncoder, Protocol):
    """An encoder of several blocks that is costly enough for its rows to be cached."""

    @property
    def depth(self) -> int:
        """Number of blocks; block 0 is the embedding, block ``depth`` the last."""
        ...

    @property
    def number_format(self) -> str:
        """What the blocks are computed in: ``float32`` or ``bfloat16``."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return ``kind`` and every field, as a plan writes them."""
        ...

    def batches(
        self, texts: Sequence[str], blocks: Sequence[int]
    ) -> Iterator[tuple[Int64[Tensor, " B"], dict[int, Float32[Tensor, "B F"]]]]:
        """Yield row numbers with their features by block, in whatever order is cheapest.

        Every text that is not blank is yielded once.
        """
        ...
