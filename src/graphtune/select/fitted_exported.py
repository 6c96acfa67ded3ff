"""An exported encoder with its head, that predicts texts by themselves."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float32
from torch import Tensor

from graphtune.encoder import Onnx
from graphtune.select.text_reader import ReadsByHead, head_of


class FittedExported(ReadsByHead):
    """What became of a tuned encoder when it was exported, and its head.

    Args:
        encoder: what was exported.
        tensors: the head, and how many numbers were learned.
    """

    def __init__(self, encoder: Onnx, tensors: Mapping[str, Tensor]) -> None:
        super().__init__(head_of(tensors))
        self.encoder = encoder

    def probabilities(self, texts: Sequence[str]) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of texts."""
        return self.head.probabilities(self.encoder.encode(texts))
