"""An encoder with a linear head, and the texts it is trained on."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn

from graphtune.encoder.pooling import pooled
from graphtune.encoder.tunable import TunableTransformer
from graphtune.graph import Sampler, TextGraph
from graphtune.layer.dropout import check_dropout
from graphtune.model.labelled import Labelled
from graphtune.processor import fast_bfloat16

_JUDGED_AT_ONCE = 64  # val rows
_SORTED_AT_ONCE = 50  # steps whose rows are sorted by length
_CPU = torch.device("cpu")


@runtime_checkable
class Padded(Protocol):
    """Texts as an encoder reads them: token ids, or the states that frozen blocks make of them."""

    @property
    def length(self) -> Int64[np.ndarray, " T"]:
        """Tokens of each text."""
        ...

    def padded(
        self, rows: Int64[np.ndarray, " B"]
    ) -> tuple[Int64[Tensor, "B L"] | Float32[Tensor, "B L F"], Int64[Tensor, "B L"]]:
        """Return some texts padded to one length, and a mask of what is no padding."""
        ...

    def digest(self) -> bytes:
        """Return a digest of all texts."""
        ...


@dataclass(frozen=True, eq=False)
class TextBatch:
    """The texts of one step."""

    given: Int64[Tensor, "B L"] | Float32[Tensor, "B L F"]
    mask: Int64[Tensor, "B L"]
    rows: Int64[Tensor, " B"]  # numbers of the task's texts
    labels: Int64[Tensor, " B"]  # -1 = unknown
    weights: Float32[Tensor, " B"] | None = None
    targets: Float32[Tensor, "B C"] | None = None  # a teacher's probabilities

    def to(self, device: torch.device) -> "TextBatch":
        """Return it on a device; the numbers of its rows stay where they are."""
        if device.type == "cpu":
            return self
        weights = None if self.weights is None else self.weights.to(device)
        targets = None if self.targets is None else self.targets.to(device)
        given, mask, labels = (tensor.to(device) for tensor in (self.given, self.mask, self.labels))
        return TextBatch(given, mask, self.rows, labels, weights, targets)


@dataclass(frozen=True, eq=False)
class TextTask(Labelled):
    """What there is to learn from texts one by one."""

    texts: Padded
    labels: Int64[Tensor, " T"]  # -1 = unknown
    classes: int
    train: Int64[Tensor, " M"]  # rows that are trained on; with targets, also those without a label
    val: Int64[Tensor, " V"]  # rows that decide when to stop; may be empty
    weights: Float32[Tensor, " T"] | None = None
    targets: Float32[Tensor, "T C"] | None = None  # a teacher's probabilities
    graph: TextGraph | None = None  # over the texts, where a strategy reads one
    device: torch.device = _CPU  # on which a step is worked out; what is kept here is not there

    def batch(self, rows: Int64[Tensor, " B"]) -> TextBatch:
        """Return the texts of ``rows``, padded to the longest."""
        given, mask = self.texts.padded(rows.numpy())
        labels, weights = self.told(rows)
        targets = None if self.targets is None else self.targets[rows]
        return TextBatch(given, mask, rows, labels, weights, targets).to(self.device)

    def pieces(self, rows: Int64[Tensor, " M"], count: int) -> tuple[Int64[Tensor, " B"], ...]:
        """Return ``rows``, which come in a random order, in steps of ``count`` texts of similar length."""
        return similar(self.texts.length, rows, count)

    def judged(self, model: nn.Module, sampler: Sampler | None) -> Float[Tensor, "V C"]:
        """Return the scores of the val rows, without gradients; texts have no neighbours to sample."""
        with torch.no_grad():
            return in_pieces(self, self.val, model)

    def digest(self) -> bytes:
        """Return a digest of its texts and tensors."""
        digest = hashlib.blake2b(self.texts.digest() + repr(self.classes).encode(), digest_size=16)
        for tensor in (self.labels, self.train, self.val, self.weights, self.targets):
            digest.update(b"none" if tensor is None else tensor.cpu().contiguous().numpy().tobytes())
        if self.graph is not None:
            for tensor in (self.graph.crow, self.graph.col, self.graph.weight):
                digest.update(tensor.numpy().tobytes())
        return digest.digest()


class TextModel(nn.Module):
    """An encoder, its pooling, and a linear head on rows of L2 norm 1.

    Raises:
        PlanError: ``dropout`` is not at least 0 and less than 1.
    """

    def __init__(
        self, encoder: TunableTransformer, pooling: str, head: nn.Linear, *, dropout: float = 0.1
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        self.encoder, self.pooling, self.head, self.dropout = encoder, pooling, head, dropout

    @property
    def body(self) -> list[nn.Parameter]:
        """The encoder's parameters that can learn."""
        return self.encoder.learnable

    @property
    def levels(self) -> list[list[nn.Parameter]]:
        """The same by block, from the embedding up."""
        return self.encoder.levels

    @property
    def settings(self) -> str:
        """Pooling, dropout, and how many blocks are frozen."""
        return repr((self.pooling, self.dropout, self.encoder.frozen))

    def embed(self, batch: TextBatch) -> Float32[Tensor, "B F"]:
        """Return the encoder's row of every text, of L2 norm 1."""
        with _number_format(batch.given.device):
            states = self.encoder(batch.given, batch.mask)
        return pooled(states, batch.mask, self.pooling)

    def forward(self, batch: TextBatch) -> Float32[Tensor, "B C"]:
        """Return a score for every text and class."""
        return self.scores(self.embed(batch))

    def scores(self, rows: Float32[Tensor, "B F"]) -> Float32[Tensor, "B C"]:
        """Return a score for every row and class."""
        return self.head(nn.functional.dropout(rows, self.dropout, self.training))


def similar(
    length: Int64[np.ndarray, " T"], rows: Int64[Tensor, " M"], count: int
) -> tuple[Int64[Tensor, " B"], ...]:
    """Return ``rows``, which come in a random order, in steps of ``count`` of similar ``length``.

    Of some steps at a time the rows are sorted; the steps then come in the order of their first rows, so
    that no length comes before another.
    """
    found: list[tuple[int, Tensor]] = []
    for start in range(0, len(rows), _SORTED_AT_ONCE * count):
        some = rows[start : start + _SORTED_AT_ONCE * count]
        order = torch.from_numpy(np.argsort(length[some.numpy()], kind="stable"))
        found += [(start + int(places.min()), some[places]) for places in order.split(count)]
    return tuple(piece for _, piece in sorted(found, key=lambda one: one[0]))


def in_pieces(
    task: TextTask, rows: Int64[Tensor, " B"], model: Callable[[TextBatch], Tensor]
) -> Float[Tensor, "B G"]:
    """Return what ``model`` makes of ``rows``, some at a time, those of similar length together."""
    order = torch.from_numpy(np.argsort(-task.texts.length[rows.numpy()], kind="stable"))
    found: Tensor | None = None
    for places in order.split(_JUDGED_AT_ONCE):
        some = model(task.batch(rows[places])).cpu()
        found = some.new_zeros(len(rows), some.shape[1]) if found is None else found
        found[places] = some
    return torch.zeros(0, task.classes) if found is None else found


def _number_format(device: torch.device) -> AbstractContextManager[object]:
    if not fast_bfloat16(device):
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
