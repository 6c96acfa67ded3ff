"""Tune an encoder on what a graph says of all texts, so that it needs no graph afterwards.

Source: Zhang et al., ICLR 2022, arXiv:2110.08727 (a graph model's soft labels teach a model without a graph);
Xie, Girshick & Farhadi, ICML 2016, arXiv:1511.06335, equation 3, for squared targets; Wortsman et al., CVPR
2022, arXiv:2109.01903, section 3, for the mean of the weights before and after the labels.
Differs from the papers: the student is a language model of which some blocks are frozen; a label that is
known is the target; classes are not evened out; the labels alone are gone through again at the end, for a
teacher that is often wrong otherwise has the last word.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy, Loss
from graphtune.loss.soft_cross_entropy import soft_cross_entropy
from graphtune.model import Task, TextModel, TextTask
from graphtune.phase import Phase
from graphtune.strategy.encoder_tuning import groups


@dataclass(frozen=True)
class GraphTeacher:
    """Learn the teacher's sharpened probabilities of all texts, labelled or not, and then the labels.

    Raises:
        PlanError: a number of epochs is too small; the task has no teacher's probabilities (on the first
            phase).
    """

    rate: float = 5e-5  # AdamW step size of the last block
    layer_decay: float = 1.0  # share of a block's step size that the one below it has
    head_rate: float = 5e-3
    decay: float = 0.01  # AdamW decoupled weight decay
    epochs: int = 2
    # Of the labelled rows alone, at the end, from which the weights then keep a share.
    label_epochs: int = 2  # 0 = none
    label_rows: int = 16  # of a step, at most
    label_share: float = 0.5  # of the way from what the teacher made of the weights to what labels did
    loss: Loss = field(default_factory=CrossEntropy)  # of the labels

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.label_epochs < 0 or self.label_rows < 1:
            raise PlanError(
                f"GraphTeacher(epochs={self.epochs}, label_epochs={self.label_epochs}, "
                f"label_rows={self.label_rows}) learns nothing.",
                fix="use 1 or more; label_epochs = 0 leaves the last part out.",
            )
        if not 0.0 < self.label_share <= 1.0:
            raise PlanError(
                f"GraphTeacher.label_share = {self.label_share} is no share.",
                fix="use more than 0 and up to 1; label_epochs = 0 leaves the labels out.",
            )

    def phases(self, model: TextModel, task: TextTask) -> Iterator[Phase]:
        """Train to the end: what the teacher says of a val row is no judge of when to stop."""
        told(task, self)
        yield Phase(
            "graph teacher",
            groups(model, self.rate, self.layer_decay, self.head_rate, self.decay),
            lambda batch: soft_cross_entropy(model(batch), batch.targets, batch.weights),
            self.epochs,
            stopping=False,
        )
        known = task.train[task.labels[task.train] >= 0]
        # Where all have labels, these were the targets already.
        if not self.label_epochs or known.numel() in (0, task.train.numel()):
            return
        learned = groups(model, self.rate, self.layer_decay, self.head_rate, self.decay)
        taught = [(p, p.detach().clone()) for group in learned for p in group.parameters]
        yield Phase(
            "labels",
            learned,
            lambda batch: self.loss(model(batch), batch.labels, batch.weights),
            self.label_epochs,
            stopping=False,
            task=replace(task, train=known),
            batch_rows=self.label_rows,
        )
        with torch.no_grad():
            for parameter, before in taught:
                parameter.copy_(before.lerp(parameter, self.label_share))


def told(task: TextTask | Task, pupil: object) -> Float32[Tensor, "T C"]:
    """Return a teacher's probabilities of a task's rows.

    Raises:
        PlanError: the task has none.
    """
    if task.targets is None:
        kind = type(task).__name__
        raise PlanError(
            f"{type(pupil).__name__} learns from a teacher's probabilities, and this task has none.",
            fix=f"give {kind}.targets, or use EncoderTuning or Full, which learn from labels.",
        )
    return task.targets


def sharpened(
    probabilities: Float32[Tensor, "T C"], labels: Int64[Tensor, " T"], power: float = 2.0
) -> Float32[Tensor, "T C"]:
    """Return probabilities to the ``power``, rows scaled to sum 1; a known label (0 or more) is certain."""
    targets = probabilities**power
    targets = targets / targets.sum(dim=1, keepdim=True)
    known = labels >= 0
    targets[known] = torch.nn.functional.one_hot(labels[known], targets.shape[1]).to(targets.dtype)
    return targets
