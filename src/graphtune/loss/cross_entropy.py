"""Cross-entropy with class weights and label smoothing.

Source: Szegedy et al., CVPR 2016, arXiv:1512.00567, section 7, for label smoothing.
Differs from the paper: classes and rows may carry weights, in PyTorch's convention: the mean is divided by
the sum of the weights of the rows' classes.
"""

from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from graphtune.errors import PlanError
from graphtune.loss.weighting import ClassWeights, class_weights, weighted_mean


@dataclass(frozen=True)
class CrossEntropy:
    """``-log softmax(logits)[label]``, averaged over the rows.

    ``class_weights`` is ``"balanced"``, one weight a class, or ``None``. Balanced weights are those of the
    labels in the batch; for small batches compute them once with `balanced` and give them as numbers.

    Raises:
        PlanError: ``smoothing`` does not lie in 0 … 1; when called, if weights are given, but not one for
            each class.
    """

    smoothing: float = 0.0  # share of each label that is spread evenly over all classes, 0 … 1
    class_weights: ClassWeights = None

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing <= 1:
            raise PlanError(
                f"smoothing = {self.smoothing} is no share.", fix="give a smoothing from 0 to 1, such as 0.1."
            )

    def __call__(
        self,
        logits: Float[Tensor, "B C"],
        labels: Int64[Tensor, " B"],
        weights: Float[Tensor, " B"] | None = None,
    ) -> Float[Tensor, ""]:
        """Return the mean loss, in nats; 0 if no row counts."""
        by_class = class_weights(self.class_weights, logits, labels)
        losses = functional.cross_entropy(
            logits, labels, by_class, reduction="none", label_smoothing=self.smoothing
        )
        shares = logits.new_ones(labels.shape) if by_class is None else by_class[labels]
        return weighted_mean(losses, shares, weights)
