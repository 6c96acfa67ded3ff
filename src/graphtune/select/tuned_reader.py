"""A tuned encoder that reads texts, as the frozen one does."""

from collections.abc import Mapping, Sequence

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
from graphtune.model import TextModel
from graphtune.select.data import Data
from graphtune.select.linear import LinearHead
from graphtune.train import Training

_STRENGTH = 10.0  # scikit-learn's C of the head that tuning starts from


class TunedReader:
    """What became of an encoder, and the tensors in which it differs from the frozen one.

    The model it is made of cannot be trained any more.
    """

    def __init__(self, encoder: Transformer, model: TextModel) -> None:
        self.encoder = encoder
        wanted = {id(parameter) for parameter in model.body}
        named = model.named_parameters()
        self.tensors = {n: p.detach().clone().contiguous() for n, p in named if id(p) in wanted}
        self.loaded = released(encoder, model)

    def rows(self, texts: Sequence[str]) -> Float32[Tensor, "T F"]:
        """Return a row of L2 norm 1 for every text; zeros for a blank one."""
        return rows_of_texts(self.encoder, self.loaded, texts)


def released(encoder: Transformer, model: TextModel) -> LoadedTransformer:
    """Return what became of an encoder, ready to read; ``model`` cannot be trained any more."""
    base = encoder.loaded
    number_format = chosen_format(encoder.precision, base.device)
    # For good: what computes with the model itself would else meet the frozen blocks' stand-ins.
    whole = model.encoder.released()
    return LoadedTransformer.of(base.tokenizer, whole, base.device, number_format)


def rows_of_texts(
    encoder: Transformer, loaded: LoadedTransformer, texts: Sequence[str]
) -> Float32[Tensor, "T F"]:
    """Return a row of L2 norm 1 for every text; zeros for a blank one."""
    found = torch.zeros(len(texts), encoder.width)
    last = encoder.depth
    there = [row for row, text in enumerate(texts) if text.strip()]
    if there:
        for numbers, rows in encoded(loaded, encoder, texts, there, (last,)):
            found[numbers] = rows[last]
    return found


def check_counts(candidate: object, *names: str) -> None:
    """See that fields of a candidate are counts of something.

    Raises:
        PlanError: one is below 1.
    """
    for name in names:
        value = getattr(candidate, name)
        if value < 1:
            raise PlanError(f"{type(candidate).__name__}.{name} = {value} is too few.", fix="use 1 or more.")


def transformer_of(data: Data, reader: object, does: str = "tunes a transformer") -> Transformer:
    """Return the encoder that ``reader`` is to tune, or whatever else it does with it.

    Raises:
        PlanError: it is no transformer, or texts may have several labels.
    """
    data.check_single(type(reader).__name__)
    encoder = data.features.maker.encoder
    if not isinstance(encoder, Transformer):
        name = type(reader).__name__
        raise PlanError(
            f"{name} {does}, and this encoder is none.",
            fix=f"use minilm or a Hugging Face directory as the encoder, or leave {name} out.",
        )
    return encoder


def cut_model(
    encoder: Transformer, blocks: int, classes: int, *, checkpointed: bool = False, drops: bool = True
) -> TextModel:
    """Return the encoder with its top blocks free to learn, and a head with weights at random.

    They are where the encoder is: on a GPU, if there is one. Unless ``drops``, the encoder's own dropout
    stays off while it learns.
    """
    frozen = max(0, encoder.depth - blocks)
    cut = TunableTransformer.load(encoder.directory, frozen, checkpointed=checkpointed, drops=drops)
    model = TextModel(cut, encoder.pooled_by, nn.Linear(encoder.width, classes)).eval()
    return model.to(encoder.loaded.device)


def start_head(
    model: TextModel,
    data: Data,
    rows: Int64[np.ndarray, " T"],
    labels: Int64[np.ndarray, " T"] | None = None,
) -> None:
    """Set the head to logistic regression on what the frozen encoder makes of ``rows``.

    It learns their own labels, unless others are given.
    """
    start = linear_start(data, rows, labels)
    with torch.no_grad():
        model.head.weight.copy_(start.weight.T)
        model.head.bias.copy_(start.bias)


def linear_start(
    data: Data, rows: Int64[np.ndarray, " T"], labels: Int64[np.ndarray, " T"] | None = None
) -> LinearHead:
    """Return the logistic regression that `start_head` sets a head to."""
    return LinearHead.fit(
        data.features.meaning[torch.from_numpy(rows)],
        data.labels[rows] if labels is None else labels,
        data.classes,
        strength=_STRENGTH,
        weights=None if data.weights is None else data.weights[rows],
    )


def settings_of(batch_rows: int, *, paced: bool = False) -> Training:
    """Return how an encoder is trained, so many texts a step."""
    return Training(batch_rows, patience=None, schedule="linear", warmup=0.1, clip=1.0, paced=paced)


def tokens_of(encoder: Transformer, texts: Sequence[str], frozen: int) -> TokenIds | TokenStates:
    """Return what the frozen blocks make of texts, from the cache on disk; their tokens, where none is."""
    return TokenStates.of(encoder, texts, frozen) if frozen else TokenIds.of(encoder, texts)


def put_back(tensors: Mapping[str, Tensor], model: nn.Module) -> None:
    """Copy saved tensors into a fresh model; what was never tuned is there already."""
    model.load_state_dict(dict(tensors), strict=False)
