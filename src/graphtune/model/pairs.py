"""Pairs of texts that an encoder is trained on, each with a text it is easily taken for."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn

from graphtune.graph import Sampler
from graphtune.model.text import TextBatch, TextTask, similar


@dataclass(frozen=True, eq=False)
class PairBatch:
    """The texts of some pairs, each once."""

    texts: TextBatch  # their labels are those the pairs were found by
    rows: Int64[Tensor, " J"]  # numbers of the pairs
    labels: Int64[Tensor, " J"]
    weights: Float32[Tensor, " J"] | None = None


@dataclass(frozen=True, eq=False)
class PairTask:
    """Pairs over the texts of a task, whose val rows judge."""

    task: TextTask  # its labels are those the pairs were found by
    pairs: Int64[Tensor, "J 3"]  # two texts of one class, and a near one of another; -1 = there is none

    @property
    def classes(self) -> int:
        """How many there are."""
        return self.task.classes

    @property
    def train(self) -> Int64[Tensor, " J"]:
        """All pairs."""
        return torch.arange(len(self.pairs))

    @property
    def val(self) -> Int64[Tensor, " V"]:
        """The texts to judge by."""
        return self.task.val

    @property
    def device(self) -> torch.device:
        """On which a step is worked out."""
        return self.task.device

    @property
    def held(self) -> tuple[Int64[Tensor, " V"], Float32[Tensor, " V"] | None]:
        """Labels and weights of the val rows."""
        return self.task.held

    def batch(self, rows: Int64[Tensor, " B"]) -> PairBatch:
        """Return the texts of some pairs."""
        pairs = self.pairs[rows]
        there = pairs.unique()
        texts = self.task.batch(there[there >= 0])
        return PairBatch(texts, rows, self.task.labels[pairs[:, 0]])

    def pieces(self, rows: Int64[Tensor, " J"], count: int) -> tuple[Int64[Tensor, " B"], ...]:
        """Return ``rows``, which come in a random order, in steps of ``count`` pairs of similar length."""
        # Of the pair that is there: the longest of its texts, to which the others are padded.
        length = np.where(self.pairs.numpy() < 0, 0, self.task.texts.length[self.pairs.numpy()]).max(axis=1)
        return similar(length, rows, count)

    def judged(self, model: nn.Module, sampler: Sampler | None) -> Float[Tensor, "V C"]:
        """Return the scores of the val rows."""
        return self.task.judged(model, sampler)

    def digest(self) -> bytes:
        """Return a digest of the texts and the pairs."""
        return hashlib.blake2b(self.task.digest() + self.pairs.numpy().tobytes(), digest_size=16).digest()
