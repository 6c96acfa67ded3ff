"""The encoder itself, tuned on labels, with a linear head.

Source: Devlin et al., NAACL 2019, arXiv:1810.04805, section 4 (fine-tuning); Lee, Tang & Lin, 2019,
arXiv:1911.03090, section 3 (the top blocks alone).
Differs from the papers: the head starts from logistic regression on the frozen encoder, so that the first
step moves the encoder for a reason; what frozen blocks make of a text is worked out once.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn

from graphtune.encoder import Transformer
from graphtune.encoder.loading import LoadedTransformer
from graphtune.encoder.precision import chosen_format
from graphtune.encoder.token_states import TokenIds, TokenStates
from graphtune.encoder.transformer import encoded
from graphtune.encoder.tunable import TunableTransformer
from graphtune.errors import PlanError
from graphtune.model import TextModel, TextTask
from graphtune.select.data import Data, NewRows, OutOfTime
from graphtune.select.features import View
from graphtune.select.graph_free import GraphFree
from graphtune.select.linear import LinearHead
from graphtune.strategy import EncoderTuning
from graphtune.train import Training, train

_TRIED_STEPS = 4
_STRENGTH = 10.0  # scikit-learn's C of the head that tuning starts from


@dataclass(frozen=True)
class Tuned(GraphFree):
    """The top blocks of the encoder learn, and the head."""

    compared_as: ClassVar[str] = "encoder"

    blocks: int = 4  # from the top, that learn; where there are no more, the embedding learns too
    strategy: EncoderTuning = field(default_factory=EncoderTuning)
    batch_rows: int = 16  # texts of a step

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
        data.check_single("Tuned")
        encoder = _transformer(data)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = self._model(encoder, data.classes)
        start = LinearHead.fit(
            data.features.meaning[torch.from_numpy(rows)],
            data.labels[rows],
            data.classes,
            strength=_STRENGTH,
        )
        with torch.no_grad():
            model.head.weight.copy_(start.weight.T)
            model.head.bias.copy_(start.bias)
        task = self._task(encoder, data, rows, model.encoder.frozen)
        history = train(self.strategy, model, task, self._settings, seed=seed, deadline=data.deadline)
        if any(phase.stopped == "deadline" for phase in history.phases):
            raise OutOfTime
        return FittedTuned(encoder, model, max(phase.learned for phase in history.phases))

    def pace(self, data: Data, rows: Int64[np.ndarray, " T"]) -> "Pace":
        """Return how long training takes, by a few steps on some of ``rows`` that nothing is kept of."""
        encoder, start = _transformer(data), time.monotonic()
        model = self._model(encoder, data.classes)
        some = np.random.default_rng(0).permutation(rows)[: _TRIED_STEPS * self.batch_rows]
        task = self._task(encoder, data, some, model.encoder.frozen)
        ready = time.monotonic()
        train(replace(self.strategy, texts=0), model, task, self._settings, seed=0)
        taken = time.monotonic() - ready
        return Pace(ready - start, taken / (self.strategy.passes(0) * len(some)), self.strategy.passes)

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> "FittedTuned":
        """Return a saved one."""
        model = self._model(_transformer(data), data.classes)
        model.load_state_dict(dict(tensors), strict=False)
        return FittedTuned(_transformer(data), model, sum(t.numel() for t in tensors.values()))

    def __str__(self) -> str:
        return f"encoder tuned (top {self.blocks} blocks)"

    @property
    def _settings(self) -> Training:
        return Training(self.batch_rows, patience=None, schedule="linear", warmup=0.1, clip=1.0)

    def _task(self, encoder: Transformer, data: Data, rows: Int64[np.ndarray, " T"], frozen: int) -> TextTask:
        texts = [data.features.texts[row] for row in rows]
        given = TokenStates.of(encoder, texts, frozen) if frozen else TokenIds.of(encoder, texts)
        weights = None if data.weights is None else torch.from_numpy(data.weights[rows])
        every = torch.arange(len(rows))
        return TextTask(given, torch.from_numpy(data.labels[rows]), data.classes, every, every[:0], weights)

    def _model(self, encoder: Transformer, classes: int) -> TextModel:
        frozen = max(0, encoder.depth - self.blocks)
        cut = TunableTransformer.load(encoder.directory, frozen)
        return TextModel(cut, encoder.pooled_by, nn.Linear(encoder.width, classes))


@dataclass(frozen=True)
class Pace:
    """How long tuning takes."""

    ready: float  # seconds to load the encoder, and to read some texts
    text: float  # seconds to learn from a text once
    epochs: Callable[[int], int]  # by the number of texts

    def training(self, texts: int) -> float:
        """Return the seconds to train on so many texts."""
        return self.ready + self.epochs(texts) * texts * self.text

    def reading(self, texts: int) -> float:
        """Return the seconds to predict so many texts: less than to learn from them once."""
        return texts * self.text


class FittedTuned:
    """A tuned encoder and its head."""

    def __init__(self, encoder: Transformer, model: TextModel, learned: int) -> None:
        self.encoder, self.learned = encoder, learned
        self._last: tuple[Sequence[str], np.ndarray] | None = None
        wanted = {id(p) for p in model.body}
        named = model.named_parameters()
        head = ("head.weight", "head.bias")
        self._tensors = {n: p.detach().contiguous() for n, p in named if id(p) in wanted or n in head}
        self.head = LinearHead(model.head.weight.detach().T.contiguous(), model.head.bias.detach())
        base = encoder.loaded
        with model.encoder.whole() as whole:
            self.loaded = LoadedTransformer.of(
                base.tokenizer, whole, base.device, chosen_format(encoder.precision, base.device)
            )

    def at(self, data: Data, nodes: Int64[np.ndarray, " M"]) -> Float32[np.ndarray, "M C"]:
        """Return class probabilities of some nodes."""
        return self._probabilities([data.features.texts[node] for node in nodes])

    def attach(self, data: Data, new: NewRows) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of new rows."""
        return self._probabilities(new.features.texts)

    def tensors(self) -> dict[str, Tensor]:
        """Return what was learned."""
        return self._tensors

    @property
    def size(self) -> int:
        """Bytes of what was learned; a mean of it counts them again, but shares them, and the encoder."""
        return sum(tensor.nbytes for tensor in self._tensors.values())

    def _probabilities(self, texts: Sequence[str]) -> Float32[np.ndarray, "B C"]:
        # Several candidates may hold this one, and be asked of the same texts.
        if self._last is None or self._last[0] != texts:
            self._last = texts, self._read(texts)
        return self._last[1].copy()

    def _read(self, texts: Sequence[str]) -> Float32[np.ndarray, "B C"]:
        rows = torch.zeros(len(texts), self.encoder.width)
        last = self.encoder.depth
        there = [row for row, text in enumerate(texts) if text.strip()]
        if there:
            for numbers, found in encoded(self.loaded, self.encoder, texts, there, (last,)):
                rows[numbers] = found[last]
        return self.head.probabilities(rows)


def _transformer(data: Data) -> Transformer:
    encoder = data.features.maker.encoder
    if not isinstance(encoder, Transformer):
        raise PlanError(
            "Tuned tunes a transformer, and this encoder is none.",
            fix="use minilm or a Hugging Face directory as the encoder, or leave Tuned out.",
        )
    return encoder
