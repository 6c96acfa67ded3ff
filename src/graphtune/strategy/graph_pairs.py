"""Tune an encoder so that neighbours of one class come together and neighbours of different ones part.

Source: Khosla et al., NeurIPS 2020, arXiv:2004.11362 (supervised contrastive loss); Tunstall et al., 2022,
arXiv:2209.11055 (contrastive pairs of few labels, then a head).
Differs from the papers: pairs and texts that are easily confused are neighbours in a graph; where there is no
label, their classes are those that encoder and graph model agree on; their number is bounded; the head learns
beside the contrast.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from graphtune.errors import PlanError
from graphtune.graph import mined_pairs
from graphtune.loss import CrossEntropy, supervised_contrastive
from graphtune.model import PairBatch, PairTask, TextModel, TextTask
from graphtune.phase import Phase
from graphtune.strategy.encoder_tuning import groups
from graphtune.strategy.graph_teacher import told
from graphtune.strategy.pseudo_labels import agreed, said


@dataclass(frozen=True)
class GraphPairs:
    """Contrast mined pairs while the head learns their labels.

    Raises:
        PlanError: a value is out of its range; the task has no graph, or no teacher's probabilities (on the
            first phase).
    """

    rate: float = 5e-5  # AdamW step size of the last block
    layer_decay: float = 1.0  # share of a block's step size that the one below it has
    head_rate: float = 5e-3
    decay: float = 0.01  # AdamW decoupled weight decay
    pairs: int = 8000  # at most, each with up to three texts
    epochs: int = 1  # over the pairs
    pair_rows: int = 16  # pairs of a step
    temperature: float = 0.1  # of the contrastive loss
    word: float = 1.0  # weight of the head's cross-entropy beside the contrast

    def __post_init__(self) -> None:
        for name in ("pairs", "epochs", "pair_rows"):
            if getattr(self, name) < 1:
                raise PlanError(f"{name} = {getattr(self, name)} is too few.", fix="use 1 or more.")
        if not self.temperature > 0.0 or self.word < 0.0:
            raise PlanError(
                f"temperature = {self.temperature} and word = {self.word} do not fit.",
                fix="use a temperature above 0, such as 0.1, and a weight from 0 on, such as 1.",
            )

    def phases(self, model: TextModel, task: TextTask) -> Iterator[Phase]:
        """Mine pairs once, and go through them."""
        targets = told(task, self)
        if task.graph is None:
            raise PlanError(
                "GraphPairs finds its pairs in a graph, and this task has none.",
                fix="give TextTask.graph, or use GraphTeacher, which needs the teacher's word alone.",
            )
        labels = agreed(said(model, task), targets, task.labels, task.val, 1.0)
        able = labels.clone()
        able[task.val] = -1  # what judges is in no pair
        draw = int(torch.randint(2**31, ()))
        found = mined_pairs(task.graph, able.numpy(), self.pairs, np.random.default_rng(draw))
        yield Phase(
            "pairs",
            groups(model, self.rate, self.layer_decay, self.head_rate, self.decay),
            lambda batch: self.loss(model, batch),
            self.epochs,
            task=PairTask(replace(task, labels=labels), torch.from_numpy(found)),
            batch_rows=self.pair_rows,
        )

    def loss(self, model: TextModel, batch: PairBatch) -> Tensor:
        """Return the contrast of a step's texts, and how far the head is from their labels."""
        texts = batch.texts
        rows = model.embed(texts)
        contrast = supervised_contrastive(rows, texts.labels, self.temperature, texts.weights)
        if not self.word:
            return contrast
        return contrast + self.word * CrossEntropy()(model.scores(rows), texts.labels, texts.weights)
