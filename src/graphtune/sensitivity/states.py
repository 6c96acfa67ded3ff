"""What enters a block, kept in memory, so that a change above it costs the blocks above alone."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.encoder.tunable import TunableTransformer
from graphtune.errors import EncoderError
from graphtune.model import TextModel
from graphtune.model.text import Padded
from graphtune.structure.exact import first_of

_AT_ONCE = 64  # texts


@dataclass(frozen=True, eq=False)
class Some:
    """Some of many texts, as the encoder reads them."""

    texts: Padded
    rows: Int64[np.ndarray, " B"]

    @property
    def length(self) -> Int64[np.ndarray, " B"]:
        """Tokens of each text."""
        return self.texts.length[self.rows]

    def padded(
        self, rows: Int64[np.ndarray, " B"]
    ) -> tuple[Int64[Tensor, "B L"] | Float32[Tensor, "B L F"], Int64[Tensor, "B L"]]:
        """Return some of these texts padded to one length, and a mask of what is no padding."""
        return self.texts.padded(self.rows[rows])

    def digest(self) -> bytes:
        """Return a digest of these texts."""
        return hashlib.sha256(self.texts.digest() + self.rows.tobytes()).digest()


@dataclass(frozen=True, eq=False)
class Entering:
    """What a block puts out of each text, in float32."""

    states: tuple[Float32[Tensor, "_ F"], ...]  # a text's tokens each
    content: bytes  # digest of the texts and the block

    @classmethod
    def of(cls, model: TextModel, texts: Padded, block: int) -> "Entering":
        """Read the texts with an encoder of which nothing is frozen; ``block`` counts from 1."""
        states: list[Tensor] = [torch.empty(0)] * len(texts.length)
        seen: list[Tensor] = []
        handle = model.encoder.blocks[block - 1].register_forward_hook(
            lambda _, __, output: seen.append(first_of(output))
        )
        order = np.argsort(texts.length, kind="stable")
        device = model.head.weight.device
        try:
            with torch.no_grad():
                for start in range(0, len(order), _AT_ONCE):
                    rows = order[start : start + _AT_ONCE]
                    given, mask = texts.padded(rows)
                    model.encoder(given.to(device), mask.to(device))
                    for row, own, count in zip(rows, seen.pop().cpu(), mask.sum(dim=1).tolist(), strict=True):
                        states[row] = own[:count].clone()
        finally:
            handle.remove()
        return cls(tuple(states), hashlib.sha256(texts.digest() + str(block).encode()).digest())

    @property
    def length(self) -> Int64[np.ndarray, " T"]:
        """Tokens of each text."""
        return np.array([len(one) for one in self.states], dtype=np.int64)

    def padded(self, rows: Int64[np.ndarray, " B"]) -> tuple[Float32[Tensor, "B L F"], Int64[Tensor, "B L"]]:
        """Return the states of some texts, padded with zeros, and a mask of those that are tokens'."""
        own = [self.states[row] for row in rows]
        mask = torch.zeros(len(own), max(map(len, own)), dtype=torch.int64)
        for at, one in enumerate(own):
            mask[at, : len(one)] = 1
        return torch.nn.utils.rnn.pad_sequence(own, batch_first=True), mask

    def digest(self) -> bytes:
        """Return a digest of the texts and the block."""
        return self.content


@contextmanager
def cut(model: TextModel, frozen: int) -> Iterator[TextModel]:
    """Yield the model without its first ``frozen`` blocks, with the same weights and no dropout.

    Where its architecture cannot be cut, nothing is: see what the yielded one says is frozen.
    """
    inner, able = model.encoder.model, [(one, one.requires_grad) for one in model.parameters()]
    with torch.enable_grad():  # what depends on what is told by gradients
        try:
            part = TunableTransformer(inner, frozen, drops=False)
        except EncoderError:
            part = TunableTransformer(inner, 0, drops=False)
    try:
        yield TextModel(part, model.pooling, model.head, dropout=0.0).eval()
    finally:
        part.released()
        for parameter, could in able:
            parameter.requires_grad_(could)
