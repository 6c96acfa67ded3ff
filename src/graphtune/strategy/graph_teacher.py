"""Tune an encoder on what a graph says of all texts, so that it needs no graph afterwards.

Source: Zhang et al., ICLR 2022, arXiv:2110.08727 (a graph model's soft labels teach a model without a graph);
Xie, Girshick & Farhadi, ICML 2016, arXiv:1511.06335, equation 3, for squared targets.
Differs from the papers: the student is a language model of which some blocks are frozen; a label that is
known is the target; classes are not evened out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.errors import PlanError
from graphtune.loss.soft_cross_entropy import soft_cross_entropy
from graphtune.model import Task, TextModel, TextTask
from graphtune.phase import Phase
from graphtune.strategy.encoder_tuning import groups


@dataclass(frozen=True)
class GraphTeacher:
    """Learn the teacher's sharpened probabilities of all texts, labelled or not.

    Raises:
        PlanError: the task has no teacher's probabilities (on the first phase).
    """

    rate: float = 5e-5  # AdamW step size of the last block
    layer_decay: float = 1.0  # share of a block's step size that the one below it has
    head_rate: float = 5e-3
    decay: float = 0.01  # AdamW decoupled weight decay
    epochs: int = 2

    def phases(self, model: TextModel, task: TextTask) -> Iterator[Phase]:
        """Train once, to the end: what the teacher says of a val row is no judge of when to stop."""
        told(task, self)
        yield Phase(
            "graph teacher",
            groups(model, self.rate, self.layer_decay, self.head_rate, self.decay),
            lambda batch: soft_cross_entropy(model(batch), batch.targets, batch.weights),
            self.epochs,
        )


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
