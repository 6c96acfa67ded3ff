"""The encoder itself, tuned on labels by one of several strategies, with a linear head.

Source: Devlin et al., NAACL 2019, arXiv:1810.04805, section 4 (fine-tuning); Lee, Tang & Lin, 2019,
arXiv:1911.03090, section 3 (the top blocks alone).
Differs from the papers: the head starts from logistic regression on the frozen encoder, so that the first
step moves the encoder for a reason; what frozen blocks make of a text is worked out once.
"""

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn

from graphtune.encoder import Transformer
from graphtune.model import TextModel, TextTask
from graphtune.select.data import Data
from graphtune.select.features import View
from graphtune.select.fitted_tuned import FittedTuned
from graphtune.select.graph_free import GraphFree
from graphtune.select.trained import seeded, trained
from graphtune.select.tuned_reader import (
    check_counts,
    cut_model,
    rows_of_texts,
    settings_of,
    start_head,
    tokens_of,
    transformer_of,
)
from graphtune.strategy import EncoderTuning, TextStrategy
from graphtune.train import train

_TRIED_STEPS = 4
_FEWEST = 2  # epochs


@dataclass(frozen=True)
class Tuned(GraphFree):
    """The top blocks of the encoder learn as the strategy says, and the head."""

    compared_as: ClassVar[str] = "encoder"
    compared_by: ClassVar[str] = "strategy"
    of_transformers: ClassVar[bool] = True  # other encoders have no blocks

    blocks: int = 4  # from the top, that can learn; where there are no more, the embedding can too
    strategy: TextStrategy = field(default_factory=EncoderTuning)
    batch_rows: int = 16  # texts of a step
    texts: int = 16_000  # that are gone through at most, all epochs together; two epochs in any case
    checkpointed: bool = False  # hold less in memory while learning, for a third more time
    paced: bool = False  # with a deadline: learn until it comes, by steps that have fallen to 0 then
    drops: bool = True  # whether the encoder's own dropout is on while it learns; off, it is faster

    def __post_init__(self) -> None:
        check_counts(self, "blocks", "batch_rows")

    @property
    def reads(self) -> frozenset[View]:
        """What the head starts from."""
        return frozenset({"meaning"})

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> "FittedTuned":
        """Learn from the labels of ``rows`` only.

        Raises:
            PlanError: the encoder is no transformer, or texts may have several labels.
            OutOfTime: the data's deadline came before the end of training.
        """
        return self.learned(data, rows, data.labels[rows], None, seed=seed)

    def learned(
        self,
        data: Data,
        rows: Int64[np.ndarray, " T"],
        labels: Int64[np.ndarray, " T"],
        targets: Float32[np.ndarray, "T C"] | None,
        *,
        seed: int,
    ) -> "FittedTuned":
        """Learn labels of ``rows`` (−1 = unknown), or probabilities of their classes; errors as `fit`."""
        encoder = transformer_of(data, self)
        with seeded(seed):
            model = self._model(encoder, data.classes)
        start_head(model, data, rows, labels if targets is None else targets.argmax(axis=1))
        task = self._task(encoder, data, rows, model.encoder.frozen)
        wanted = None if targets is None else torch.from_numpy(targets)
        task = replace(task, labels=torch.from_numpy(labels), targets=wanted)
        before = _digests(model)
        strategy = _for(self.strategy, self.passes(len(rows)))
        settings = settings_of(self.batch_rows, paced=self.paced)
        history = trained(strategy, model, task, settings, data, seed)
        # What a strategy put in for a while is merged by now: only the encoder's own weights can differ.
        moved = {name for name, digest in _digests(model).items() if digest != before[name]}
        return FittedTuned.of(encoder, model, moved, max(phase.learned for phase in history.phases))

    def passes(self, texts: int) -> int:
        """Return how many epochs so many texts are gone through."""
        return max(min(_FEWEST, self.strategy.epochs), min(self.strategy.epochs, self.texts // max(1, texts)))

    def pace(self, data: Data, rows: Int64[np.ndarray, " T"]) -> "Pace":
        """Return how long training takes, by a few steps on some of ``rows`` that nothing is kept of."""
        encoder = transformer_of(data, self)
        some = np.random.default_rng(0).permutation(rows)[: _TRIED_STEPS * self.batch_rows]
        first = some[: self.batch_rows]
        # What is loaded, read and settled once is no part of any later training.
        self._tried(encoder, data, first)
        _, once = self._tried(encoder, data, first)
        # Few rows are gone through more than once: else what a training takes however short it is could not
        # be told from what a text takes.
        epochs = math.ceil(_TRIED_STEPS * len(first) / len(some))
        ready, taken = self._tried(encoder, data, some, epochs)
        seen = epochs * len(some)
        text = max(taken / seen / 4, (taken - once) / (seen - len(first)))
        ready += max(0.0, once - len(first) * text)
        texts = [data.features.texts[row] for row in some]
        start = time.monotonic()
        rows_of_texts(encoder, encoder.loaded, texts)
        read = (time.monotonic() - start) / len(some)
        return Pace(
            ready, text, self.passes, read, read * max(0, encoder.depth - self.blocks) / encoder.depth
        )

    def _tried(
        self, encoder: Transformer, data: Data, rows: Int64[np.ndarray, " T"], epochs: int = 1
    ) -> tuple[float, float]:
        """Return the seconds until a training can begin, and those it then takes."""
        start = time.monotonic()
        model = self._model(encoder, data.classes)
        task = self._task(encoder, data, rows, model.encoder.frozen)
        task = replace(task, targets=nn.functional.one_hot(task.labels, data.classes).float())
        ready = time.monotonic()
        train(_for(self.strategy, epochs), model, task, settings_of(self.batch_rows), seed=0)
        return ready - start, time.monotonic() - ready

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> "FittedTuned":
        """Return a saved one."""
        encoder = transformer_of(data, self)
        return FittedTuned.restored(encoder, self._model(encoder, data.classes), tensors)

    def __str__(self) -> str:
        if not isinstance(self.strategy, EncoderTuning):
            how = f", {type(self.strategy).__name__}"
        else:
            how = ", classes contrasted" if self.strategy.contrast else ""
        return f"encoder tuned (top {self.blocks} blocks{how})"

    def _task(self, encoder: Transformer, data: Data, rows: Int64[np.ndarray, " T"], frozen: int) -> TextTask:
        texts = [data.features.texts[row] for row in rows]
        given = tokens_of(encoder, texts, frozen)
        weights = None if data.weights is None else torch.from_numpy(data.weights[rows])
        every = torch.arange(len(rows))
        labels, device = torch.from_numpy(data.labels[rows]), encoder.loaded.device
        return TextTask(given, labels, data.classes, every, every[:0], weights, device=device)

    def _model(self, encoder: Transformer, classes: int) -> TextModel:
        return cut_model(encoder, self.blocks, classes, checkpointed=self.checkpointed, drops=self.drops)


@dataclass(frozen=True)
class Pace:
    """How long tuning takes."""

    ready: float  # seconds that a training takes however many texts it has
    text: float  # seconds to learn from a text once
    epochs: Callable[[int], int]  # by the number of texts
    read: float  # seconds to predict a text
    once: float = 0.0  # seconds that the frozen blocks take for a text, before anything is learned

    def training(self, texts: int, epochs: int | None = None) -> float:
        """Return the seconds to train on so many texts, as often as is usual unless told otherwise."""
        often = self.epochs(texts) if epochs is None else epochs
        return self.ready + texts * (self.once + often * self.text)

    def reading(self, texts: int) -> float:
        """Return the seconds to predict so many texts."""
        return texts * self.read


def _for(strategy: TextStrategy, epochs: int) -> TextStrategy:
    settings: Any = strategy  # a frozen dataclass, which a protocol cannot say
    return replace(settings, epochs=epochs)


def _digests(model: TextModel) -> dict[str, bytes]:
    """Return a digest of each weight of the encoder that can learn: copies would be as large as they are."""
    able = {id(parameter) for parameter in model.body}
    return {
        name: hashlib.blake2b(p.detach().cpu().contiguous().numpy().data, digest_size=16).digest()
        for name, p in model.named_parameters()
        if id(p) in able
    }
