"""A tuned encoder with its head, that predicts texts by themselves."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from graphtune.encoder import Transformer
from graphtune.encoder.export import export
from graphtune.encoder.loading import LoadedTransformer, load_model
from graphtune.errors import EncoderError
from graphtune.model import TextModel
from graphtune.select.text_reader import HEAD_BIAS, HEAD_WEIGHT, LEARNED, ReadsByHead
from graphtune.select.tuned_reader import put_back, released, rows_of_texts

_WITHIN = "encoder.model."  # what the names of the transformer's own weights begin with


class FittedTuned(ReadsByHead):
    """A tuned encoder and its head.

    Args:
        encoder: what was tuned.
        loaded: the same with the weights that were learned.
        tensors: the head, the weights that moved, and how many numbers were learned.
    """

    def __init__(
        self, encoder: Transformer, loaded: LoadedTransformer, tensors: Mapping[str, Tensor]
    ) -> None:
        super().__init__(tensors)
        self.encoder, self.loaded = encoder, loaded
        self._last: tuple[Sequence[str], np.ndarray] | None = None

    @classmethod
    def by_itself(cls, base: object, directory: Path, tensors: Mapping[str, Tensor]) -> "FittedTuned":
        """Read what `export` wrote to ``directory``, with its head; ``base`` is what was tuned.

        Raises:
            EncoderError: the directory is not complete, or ``base`` is no transformer.
        """
        if not isinstance(base, Transformer):
            raise EncoderError(
                f"{directory} was tuned from {base}, which is no transformer.", fix="fit again."
            )
        encoder = replace(base, name=str(directory))
        return cls(encoder, encoder.loaded, tensors)

    @classmethod
    def of(
        cls, encoder: Transformer, model: TextModel, moved: Collection[str], learned: int
    ) -> "FittedTuned":
        """Take what ``model``, which is tuned no further, has learned; ``moved`` names what moved."""
        kept = {*moved, HEAD_WEIGHT, HEAD_BIAS}
        tensors = {n: p.detach().cpu().contiguous() for n, p in model.named_parameters() if n in kept}
        return cls(encoder, released(encoder, model), {**tensors, LEARNED: torch.tensor(learned)})

    @classmethod
    def restored(cls, encoder: Transformer, model: TextModel, tensors: Mapping[str, Tensor]) -> "FittedTuned":
        """Put saved `tensors` into a fresh model."""
        own = {name: tensor for name, tensor in tensors.items() if name != LEARNED}
        put_back(own, model)
        return cls.of(encoder, model, own, int(tensors[LEARNED]))

    def export(self, into: Path) -> None:
        """Write the tuned encoder as a directory that transformers and sentence-transformers load.

        Raises:
            EncoderError: the encoder it was tuned from is not complete.
            OutputError: ``into`` cannot be written to.
        """
        settings = self.encoder
        export(
            self.transformer(),
            settings.directory,
            into,
            pooling=settings.pooled_by,
            max_tokens=settings.max_tokens,
        )

    def transformer(self) -> nn.Module:
        """Return the tuned transformer by itself, in float32.

        Raises:
            EncoderError: the encoder it was tuned from is not complete.
        """
        # What predicts may be in bfloat16; what was learned is not.
        model = load_model(self.encoder.directory, torch.float32)
        own = {n.removeprefix(_WITHIN): t for n, t in self._tensors.items() if n.startswith(_WITHIN)}
        model.load_state_dict(own, strict=False)
        return model

    def probabilities(self, texts: Sequence[str]) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of texts."""
        # Several candidates may hold this one, and be asked of the same texts.
        # It is read once, for another thread may put its own in place.
        last = self._last
        if last is None or last[0] != texts:
            rows = rows_of_texts(self.encoder, self.loaded, texts)
            last = self._last = texts, self.head.probabilities(rows)
        return last[1].copy()
