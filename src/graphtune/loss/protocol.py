"""What a loss is."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor


@runtime_checkable
class Loss(Protocol):
    """A frozen dataclass that scores a batch against its labels."""

    def __call__(
        self,
        logits: Float[Tensor, "B C"],
        labels: Int64[Tensor, " B"],
        weights: Float[Tensor, " B"] | None = None,
    ) -> Float[Tensor, ""]:
        """Return the mean over the rows, each counting by its weight (1 if not given)."""
        ...
