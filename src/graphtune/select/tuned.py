"""The encoder itself, tuned on labels by one of several strategies, with a linear head.

Source: Devlin et al., NAACL 2019, arXiv:1810.04805, section 4 (fine-tuning); Lee, Tang & Lin, 2019,
arXiv:1911.03090, section 3 (the top blocks alone).
Differs from the papers: the head starts from logistic regression on the frozen encoder, so that the first
step moves the encoder for a reason; what frozen blocks make of a text is worked out once.
"""

import hashlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

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
from graphtune.strategy import EncoderTuning, TextStrategy
from graphtune.train import Training, train

_TRIED_STEPS = 4
_FEWEST = 2  # epochs
_LEARNED = "learned"  # name of the tensor that says how many numbers were
_STRENGTH = 10.0  # scikit-learn's C of the head that tuning starts from


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

    def __post_init__(self) -> None:
        for name in ("blocks", "batch_rows"):
            if getattr(self, name) < 1:
                raise PlanError(f"Tuned.{name} = {getattr(self, name)} is too few.", fix="use 1 or more.")

    @property
    def reads(self) -> frozenset[View]:
        """What the head starts from."""
        return frozenset({"meaning"})

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> "FittedTuned":
        """Learn from the labels of ``rows`` only.

        Raises:
            PlanError: the encoder is no transformer.
            OutOfTime: the data's deadline came before the end of training.
        """
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
        before = _digests(model)
        strategy = _for(self.strategy, self.passes(len(rows)))
        history = train(strategy, model, task, self._settings, seed=seed, deadline=data.deadline)
        if any(phase.stopped == "deadline" for phase in history.phases):
            raise OutOfTime
        # What a strategy put in for a while is merged by now: only the encoder's own weights can differ.
        moved = {name for name, digest in _digests(model).items() if digest != before[name]}
        return FittedTuned(encoder, model, moved, max(phase.learned for phase in history.phases))

    def passes(self, texts: int) -> int:
        """Return how many epochs so many texts are gone through."""
        return max(min(_FEWEST, self.strategy.epochs), min(self.strategy.epochs, self.texts // max(1, texts)))

    def pace(self, data: Data, rows: Int64[np.ndarray, " T"]) -> "Pace":
        """Return how long training takes, by a few steps on some of ``rows`` that nothing is kept of."""
        encoder, start = _transformer(data), time.monotonic()
        model = self._model(encoder, data.classes)
        some = np.random.default_rng(0).permutation(rows)[: _TRIED_STEPS * self.batch_rows]
        task = self._task(encoder, data, some, model.encoder.frozen)
        ready = time.monotonic()
        train(_for(self.strategy, 1), model, task, self._settings, seed=0)
        taken = time.monotonic() - ready
        return Pace(ready - start, taken / len(some), self.passes)

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> "FittedTuned":
        """Return a saved one."""
        model = self._model(_transformer(data), data.classes)
        own = {name: tensor for name, tensor in tensors.items() if name != _LEARNED}
        model.load_state_dict(own, strict=False)
        return FittedTuned(_transformer(data), model, own, int(tensors[_LEARNED]))

    def __str__(self) -> str:
        usual = isinstance(self.strategy, EncoderTuning)
        return (
            f"encoder tuned (top {self.blocks} blocks{'' if usual else f', {type(self.strategy).__name__}'})"
        )

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
        cut = TunableTransformer.load(encoder.directory, frozen, checkpointed=self.checkpointed)
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
    """A tuned encoder and its head; ``moved`` names the encoder's weights that are not what they were."""

    def __init__(self, encoder: Transformer, model: TextModel, moved: Collection[str], learned: int) -> None:
        self.encoder, self.learned = encoder, learned
        self._last: tuple[Sequence[str], np.ndarray] | None = None
        kept = {*moved, "head.weight", "head.bias"}
        self._tensors = {n: p.detach().contiguous() for n, p in model.named_parameters() if n in kept}
        self._tensors[_LEARNED] = torch.tensor(learned)
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
        """Return the head, the weights that moved, and how many numbers were learned."""
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


def _transformer(data: Data) -> Transformer:
    encoder = data.features.maker.encoder
    if not isinstance(encoder, Transformer):
        raise PlanError(
            "Tuned tunes a transformer, and this encoder is none.",
            fix="use minilm or a Hugging Face directory as the encoder, or leave Tuned out.",
        )
    return encoder
