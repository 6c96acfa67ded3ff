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
        base = encoder.loaded
        number_format = chosen_format(encoder.precision, base.device)
        whole = model.encoder.released()
        self.loaded = LoadedTransformer.of(base.tokenizer, whole, base.device, number_format)

    def rows(self, texts: Sequence[str]) -> Float32[Tensor, "T F"]:
        """Return a row of L2 norm 1 for every text; zeros for a blank one."""
        found = torch.zeros(len(texts), self.encoder.width)
        last = self.encoder.depth
        there = [row for row, text in enumerate(texts) if text.strip()]
        if there:
            for numbers, rows in encoded(self.loaded, self.encoder, texts, there, (last,)):
                found[numbers] = rows[last]
        return found


def transformer_of(data: Data, reader: object) -> Transformer:
    """Return the encoder that is to be tuned.

    Raises:
        PlanError: it is no transformer, or texts may have several labels.
    """
    data.check_single(type(reader).__name__)
    encoder = data.features.maker.encoder
    if not isinstance(encoder, Transformer):
        name = type(reader).__name__
        raise PlanError(
            f"{name} tunes a transformer, and this encoder is none.",
            fix=f"use minilm or a Hugging Face directory as the encoder, or leave {name} out.",
        )
    return encoder


def cut_model(encoder: Transformer, blocks: int, classes: int, *, checkpointed: bool = False) -> TextModel:
    """Return the encoder with its top blocks free to learn, and a head with weights at random."""
    frozen = max(0, encoder.depth - blocks)
    cut = TunableTransformer.load(encoder.directory, frozen, checkpointed=checkpointed)
    return TextModel(cut, encoder.pooled_by, nn.Linear(encoder.width, classes)).eval()


def start_head(
    model: TextModel,
    data: Data,
    rows: Int64[np.ndarray, " T"],
    labels: Int64[np.ndarray, " T"] | None = None,
) -> None:
    """Set the head to logistic regression on what the frozen encoder makes of ``rows``.

    It learns their own labels, unless others are given.
    """
    start = LinearHead.fit(
        data.features.meaning[torch.from_numpy(rows)],
        data.labels[rows] if labels is None else labels,
        data.classes,
        strength=_STRENGTH,
        weights=None if data.weights is None else data.weights[rows],
    )
    with torch.no_grad():
        model.head.weight.copy_(start.weight.T)
        model.head.bias.copy_(start.bias)


def tokens_of(encoder: Transformer, texts: Sequence[str], frozen: int) -> TokenIds | TokenStates:
    """Return what the frozen blocks make of texts, from the cache on disk; their tokens, where none is."""
    return TokenStates.of(encoder, texts, frozen) if frozen else TokenIds.of(encoder, texts)


def put_back(tensors: Mapping[str, Tensor], model: nn.Module) -> None:
    """Copy saved tensors into a fresh model; what was never tuned is there already."""
    model.load_state_dict(dict(tensors), strict=False)
