"""Cross-entropy that counts rows less the surer the model is of their label.

Source: Lin et al., ICCV 2017, arXiv:1708.02002, eq. 5.
Differs from the paper: softmax over several classes; the mean over rows, not over foreground boxes.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from graphtune.errors import PlanError
from graphtune.loss.weighting import ClassWeights, class_weights, weighted_mean


@dataclass(frozen=True)
class Focal:
    """``-(1 - p)^gamma log p`` with ``p = softmax(logits)[label]``; gamma 0 is cross-entropy.

    ``class_weights`` as in `CrossEntropy`; they are the paper's alpha.

    Raises:
        PlanError: ``gamma`` is negative; when called, if weights are given, but not one for each class.
    """

    gamma: float = 2.0
    class_weights: ClassWeights = None

    def __post_init__(self) -> None:
        if self.gamma < 0:
            raise PlanError(f"gamma = {self.gamma} is negative.", fix="give a gamma from 0 on, such as 2.")

    def __call__(
        self,
        logits: Float[Tensor, "B C"],
        labels: Int64[Tensor, " B"],
        weights: Float[Tensor, " B"] | None = None,
    ) -> Float[Tensor, ""]:
        """Return the mean loss, in nats; 0 if no row counts."""
        log_p = torch.log_softmax(logits, 1).gather(1, labels[:, None]).squeeze(1)
        # Kept off 0, where the slope of the power is infinite for gamma below 1.
        doubt = (-torch.expm1(log_p)).clamp_min(torch.finfo(logits.dtype).tiny)
        losses = -doubt.pow(self.gamma) * log_p
        by_class = class_weights(self.class_weights, logits, labels)
        shares = torch.ones_like(losses) if by_class is None else by_class[labels]
        return weighted_mean(losses * shares, shares, weights)
