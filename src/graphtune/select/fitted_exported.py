"""An exported encoder with its head, that predicts texts by themselves."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.encoder import Onnx
from graphtune.select.data import Data, NewRows
from graphtune.select.fitted_tuned import HEAD_BIAS, HEAD_WEIGHT, LEARNED
from graphtune.select.linear import LinearHead


class FittedExported:
    """What became of a tuned encoder when it was exported, and its head.

    Args:
        encoder: what was exported.
        tensors: the head, and how many numbers were learned.
    """

    def __init__(self, encoder: Onnx, tensors: Mapping[str, Tensor]) -> None:
        self.encoder = encoder
        self._tensors = {name: tensors[name] for name in (HEAD_WEIGHT, HEAD_BIAS, LEARNED)}
        self.head = LinearHead(tensors[HEAD_WEIGHT].T.contiguous(), tensors[HEAD_BIAS])

    def at(self, data: Data, nodes: Int64[np.ndarray, " M"]) -> Float32[np.ndarray, "M C"]:
        """Return class probabilities of some nodes."""
        return self._probabilities([data.features.texts[node] for node in nodes])

    def attach(self, data: Data, new: NewRows) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of new rows."""
        return self._probabilities(new.features.texts)

    def tensors(self) -> dict[str, Tensor]:
        """Return the head, and how many numbers were learned."""
        return self._tensors

    @property
    def learned(self) -> int:
        """How many numbers."""
        return int(self._tensors[LEARNED])

    @property
    def size(self) -> int:
        """Bytes of the head; the encoder is on disk."""
        return sum(tensor.nbytes for tensor in self._tensors.values())

    def _probabilities(self, texts: Sequence[str]) -> Float32[np.ndarray, "B C"]:
        return self.head.probabilities(self.encoder.encode(texts))
