"""What tasks say of their rows, whatever these are."""

import hashlib
from collections.abc import Iterable

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

_CPU = torch.device("cpu")


class Labelled:
    """Inherited by tasks whose rows have a class and a weight each."""

    labels: Int64[Tensor, " T"]  # -1 = unknown
    val: Int64[Tensor, " V"]  # rows that decide when to stop; may be empty
    weights: Float32[Tensor, " T"] | None  # of each row in the loss

    @property
    def held(self) -> tuple[Int64[Tensor, " V"], Float32[Tensor, " V"] | None]:
        """Labels and weights of the val rows."""
        return self.told(self.val)

    def told(self, rows: Int64[Tensor, " B"]) -> tuple[Int64[Tensor, " B"], Float32[Tensor, " B"] | None]:
        """Return the labels and weights of ``rows``."""
        return self.labels[rows], None if self.weights is None else self.weights[rows]


class LabelledWords(Labelled):
    """Inherited by tasks of texts as graphs of words, whose networks are small."""

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return _CPU

    def pieces(self, rows: Int64[Tensor, " M"], count: int) -> tuple[Int64[Tensor, " B"], ...]:
        """Return ``rows`` in steps of ``count`` texts; nothing is padded, so their lengths do not matter."""
        return rows.split(count)


def digest_of(settings: object, tensors: Iterable[Tensor | None]) -> bytes:
    """Return a digest of settings, and of the shapes and numbers of tensors in main memory."""
    digest = hashlib.blake2b(repr(settings).encode(), digest_size=16)
    for tensor in tensors:
        digest.update(b"none" if tensor is None else repr(tensor.shape).encode())
        if tensor is not None and tensor.numel():
            # As bytes: NumPy knows no bfloat16. A view of nothing as bytes can fail.
            digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.digest()
