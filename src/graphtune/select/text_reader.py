"""What was fitted and reads each text by itself; where an encoder does, the linear head under it."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.select.data import Data, NewRows
from graphtune.select.linear import LinearHead
from graphtune.select.trained import bytes_of

HEAD_WEIGHT: Final = "head.weight"
HEAD_BIAS: Final = "head.bias"
LEARNED: Final = "learned"  # name of the tensor that says how many numbers were learned


@runtime_checkable
class TextReader(Protocol):
    """What texts can be read by."""

    def probabilities(self, texts: Sequence[str]) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of texts."""
        ...


class ReadsTexts:
    """Inherited by what was fitted and reads each text by itself."""

    def at(self: TextReader, data: Data, nodes: Int64[np.ndarray, " M"]) -> Float32[np.ndarray, "M C"]:
        """Return class probabilities of some nodes."""
        return self.probabilities([data.features.texts[node] for node in nodes])

    def attach(self: TextReader, data: Data, new: NewRows) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of new rows; no stored one is looked at."""
        return self.probabilities(new.features.texts)


class ReadsByHead(ReadsTexts):
    """Inherited by an encoder that has a linear head.

    Args:
        tensors: the head, how many numbers were learned, and what else is saved.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = dict(tensors)
        self.head = LinearHead(tensors[HEAD_WEIGHT].T.contiguous(), tensors[HEAD_BIAS])

    def tensors(self) -> dict[str, Tensor]:
        """Return what is saved beside the encoder that it was made of."""
        return self._tensors

    def head_tensors(self) -> dict[str, Tensor]:
        """Return the head, and how many numbers were learned, for whoever has the encoder."""
        return head_of(self._tensors)

    @property
    def learned(self) -> int:
        """How many numbers."""
        return int(self._tensors[LEARNED])

    @property
    def size(self) -> int:
        """Bytes of what is saved; a mean of it counts them again, but shares them, and the encoder."""
        return bytes_of(self._tensors.values())


def head_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return those of a saved encoder with a head that are not the encoder's."""
    return {name: tensors[name] for name in (HEAD_WEIGHT, HEAD_BIAS, LEARNED)}
