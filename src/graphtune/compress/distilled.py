"""Teach a pruned encoder to say of texts what the whole one says.

Source: Hinton et al., 2015, arXiv:1503.02531, section 2 (a head's softened probabilities); Reimers &
Gurevych, EMNLP 2020, arXiv:2004.09813, section 2 (the teacher's pooled rows are the target).
Differs from the papers: rows are compared by their cosine; the teacher's head reads the student's rows too,
and does not learn, so that whatever was fitted on the whole encoder's rows can go on; the embedding stays as
it is.
"""

import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from graphtune.compress.pruned_encoder import PrunedEncoder
from graphtune.compress.pruning_report import TaughtReport
from graphtune.encoder import Transformer
from graphtune.encoder.pooling import pooled
from graphtune.encoder.token_states import TokenIds
from graphtune.encoder.tunable import TunableTransformer
from graphtune.errors import PlanError
from graphtune.loss import distillation
from graphtune.model import TextBatch, TextModel, TextTask
from graphtune.phase import Group, Phase
from graphtune.select.linear import LinearHead
from graphtune.strategy.graph_teacher import told
from graphtune.train import Training, train

_COMPARED = 256  # texts whose rows are compared before and after


@dataclass(frozen=True)
class RowMatching:
    """All blocks learn the whole encoder's rows, or also the probabilities that its head makes of them.

    Probabilities are left out unless asked for: of texts that its head was fitted on the teacher is too sure
    to tell anything, and rows drift: without 30 % of the FLOPs, two epochs at 5e-5 on cr moved the mean
    cosine of test rows from 0.905 to 0.916 by rows alone, to 0.904 by both, and to 0.889 by probabilities.

    Raises:
        PlanError: a value is out of its range.
    """

    share: float = 0.0  # of the head's probabilities in the loss, where there is a head
    temperature: float = 2.0  # at which they are compared
    rate: float = 1e-4  # AdamW step size
    decay: float = 0.01  # AdamW decoupled weight decay
    epochs: int = 3  # at most
    batch_rows: int = 32  # texts of a step

    def __post_init__(self) -> None:
        limits = {
            "share": (0.0 <= self.share <= 1.0, "0 (rows) to 1 (probabilities)"),
            "temperature": (self.temperature > 0.0, "1 to 4"),
            "rate": (self.rate > 0.0, "more than 0, such as 1e-4"),
            "decay": (self.decay >= 0.0, "0 or more"),
            "epochs": (self.epochs >= 1, "1 or more"),
            "batch_rows": (self.batch_rows >= 1, "1 or more"),
        }
        for name, (right, fix) in limits.items():
            if not right:
                raise PlanError(f"{name} = {getattr(self, name)!r} is out of range.", fix=f"use {fix}.")

    def phases(self, model: TextModel, task: TextTask) -> Iterator[Phase]:
        """Train once; ``task.targets`` holds the teacher's rows, ``model.head`` its head, if any."""
        told(task, self)
        blocks = tuple(parameter for level in model.levels[1:] for parameter in level)
        group = Group(blocks, self.rate, self.decay)
        yield Phase("pruned encoder", (group,), lambda batch: self.loss(model, batch), self.epochs)

    def loss(self, model: TextModel, batch: TextBatch) -> Float[Tensor, ""]:
        """Return how far the student's rows, and what the head says of them, are from the teacher's."""
        assert batch.targets is not None
        # In float32, whatever the hardware has: there is little to learn, and it is lost in rounding.
        rows = pooled(model.encoder(batch.given, batch.mask), batch.mask, model.pooling)
        apart = (1.0 - (rows * batch.targets).sum(dim=1)).mean()
        if model.head.out_features < 2 or not self.share:
            return apart
        softened = distillation(model.head(rows), model.head(batch.targets), self.temperature)
        return self.share * softened + (1.0 - self.share) * apart


_USUAL = RowMatching()


def distilled(
    student: PrunedEncoder,
    teacher: Transformer,
    texts: Sequence[str],
    *,
    head: LinearHead | None = None,
    settings: RowMatching = _USUAL,
    seconds: float | None = None,
    seed: int = 0,
) -> PrunedEncoder:
    """Return the student after it was taught; the one that is given stays as it is.

    Args:
        student: what pruning left.
        teacher: the whole encoder, tuned or not.
        texts: labelled or not: no label is read.
        head: what was fitted on the teacher's rows, whose probabilities are taught as far as the settings'
            ``share`` says; None = rows alone are.
        settings: how it learns.
        seconds: after which it ends, with the step size at 0 then; None = after all epochs.
        seed: of the order of the texts.

    Raises:
        EncoderError: the teacher or the student's source is not there, incomplete or altered.
        PlanError: there is no text, or the rows of teacher, student and head are not of one width.
        TrainError: a loss is not finite.
    """
    start = time.monotonic()
    unique = list(dict.fromkeys(text for text in texts if text.strip()))
    _check(student, teacher, unique, head)
    targets = teacher.encode(unique)
    compared = np.sort(np.random.default_rng(seed).permutation(len(unique))[:_COMPARED])
    before = _cosine(student, unique, targets, compared)
    device = student.source.loaded.device
    model, every = _model(student, head).to(device), torch.arange(len(unique))
    task = TextTask(
        TokenIds.of(student.source, unique),
        torch.full((len(unique),), -1),
        model.head.out_features,
        every,
        every[:0],
        targets=targets,
        device=device,
    )
    training = Training(
        settings.batch_rows, patience=None, schedule="linear", warmup=0.1, clip=1.0, paced=seconds is not None
    )
    deadline = None if seconds is None else time.monotonic() + seconds
    history = train(settings, model, task, training, seed=seed, deadline=deadline)
    taught = replace(student, model=model.encoder.released().cpu().requires_grad_(False))
    after = _cosine(taught, unique, targets, compared)
    with_head = head is not None and settings.share > 0.0
    epochs, spent = len(history.phases[0].epochs), time.monotonic() - start
    return replace(taught, taught=TaughtReport(len(unique), epochs, with_head, before, after, spent))


def _check(student: PrunedEncoder, teacher: Transformer, texts: list[str], head: LinearHead | None) -> None:
    if not texts:
        raise PlanError("There is no text to be taught on.", fix="give some texts such as it will read.")
    widths = {student.source.width, teacher.width, *(() if head is None else (len(head.weight),))}
    if len(widths) > 1:
        raise PlanError(
            f"The rows of student, teacher and head are {sorted(widths)} numbers wide.",
            fix="teach by the encoder that was pruned, or one tuned from it, and a head on its rows.",
        )


def _model(student: PrunedEncoder, head: LinearHead | None) -> TextModel:
    encoder = TunableTransformer(deepcopy(student.model).requires_grad_(True), 0, drops=False)
    # Without a head there is one of one class, which has nothing to say.
    linear = nn.Linear(student.source.width, 1 if head is None else len(head.bias))
    if head is not None:
        with torch.no_grad():
            linear.weight.copy_(head.weight.T)
            linear.bias.copy_(head.bias)
    return TextModel(encoder, student.source.pooled_by, linear, dropout=0.0)


def _cosine(
    student: PrunedEncoder, texts: list[str], targets: Float32[Tensor, "T F"], some: np.ndarray
) -> float:
    rows = student.rows([texts[row] for row in some])
    return float((rows * targets[torch.from_numpy(some)]).sum(dim=1).mean())
