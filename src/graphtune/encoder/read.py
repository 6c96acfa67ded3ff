"""Reading several blocks of an encoder."""

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

# As `BlockEncoder.batches`.
Batches = Callable[
    [Sequence[str], Sequence[int]], Iterator[tuple[Int64[Tensor, " B"], dict[int, Float32[Tensor, "B F"]]]]
]


def read_blocks(
    batches: Batches, width: int, texts: Sequence[str], blocks: Sequence[int]
) -> dict[int, Float32[Tensor, "T F"]]:
    """Return the rows of several blocks, each different text read once; zeros for a blank text.

    Raises:
        EncoderError: no such block; the encoder is not there, incomplete or altered.
    """
    first: dict[str, int] = {}
    source = torch.tensor([first.setdefault(text, len(first)) for text in texts], dtype=torch.int64)
    found = {block: torch.zeros(len(first), width) for block in blocks}
    for batch, features in batches(list(first), blocks):
        for block, values in features.items():
            found[block][batch] = values
    return {block: rows[source] for block, rows in found.items()} if len(first) < len(texts) else found
