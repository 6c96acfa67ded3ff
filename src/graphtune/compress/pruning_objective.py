"""What heads and units are scored by: from pooled rows, the sum of the losses of their texts.

Source: Kunstner, Balles & Hennig, NeurIPS 2019, arXiv:1905.12558, section 2 (Fisher information, where labels
are as likely as the model says, against the empirical one, where they are given).
Differs from the paper: no label is drawn; random signs make crossed terms fall out on average.
"""

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn import functional

from graphtune.compress.pruning_scores import Objective
from graphtune.errors import PlanError
from graphtune.select.linear import LinearHead

Pooled = Float32[Tensor, "B F"]
Numbers = Int64[np.ndarray, " B"]  # of the texts


def of_labels(labels: Int64[np.ndarray, " T"], head: LinearHead) -> Objective:
    """Return the cross-entropy of known labels.

    Raises:
        PlanError: a label is none of the head's.
    """
    if int(labels.max()) >= len(head.bias):
        raise PlanError(
            f"Label {int(labels.max())} is none of the head's {len(head.bias)} classes.",
            fix="give the labels that the head was fitted on.",
        )

    def loss(rows: Pooled, numbers: Numbers) -> Tensor:
        scores, truth = rows @ head.weight + head.bias, torch.from_numpy(labels[numbers])
        if not head.each:
            return functional.cross_entropy(scores, truth, reduction="sum")
        targets = functional.one_hot(truth, len(head.bias)).to(scores.dtype)
        return functional.binary_cross_entropy_with_logits(scores, targets, reduction="sum")

    return loss


def of_what_is_said(head: LinearHead, seed: int) -> Objective:
    """Return a loss whose squared gradient is on average the Fisher information of what the head says.

    Raises:
        PlanError: the head says the same of every text.
    """
    if not tells_apart(head):
        raise PlanError(
            "A head of one class says the same of every text; nothing moves it.", fix="score by rows instead."
        )
    generator = torch.Generator().manual_seed(seed)

    def moved(rows: Pooled, _: Numbers) -> Tensor:
        scores = rows @ head.weight + head.bias
        if head.each:
            told, share = scores, torch.sigmoid(scores.detach())
            weights = (share * (1.0 - share)).sqrt()
        else:
            told = torch.log_softmax(scores, dim=1)
            weights = told.detach().mul(0.5).exp()
        return (told * weights * _signs(told, generator)).sum()

    return moved


def tells_apart(head: LinearHead) -> bool:
    """Return whether a head can say one thing of one text and another of another."""
    return head.each or len(head.bias) > 1


def of_rows(seed: int) -> Objective:
    """Return a loss whose squared gradient is on average how far the rows move, to first order."""
    generator = torch.Generator().manual_seed(seed)

    def moved(rows: Pooled, _: Numbers) -> Tensor:
        return (rows * _signs(rows, generator)).sum()

    return moved


def _signs(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2, like.shape, generator=generator) * 2 - 1
