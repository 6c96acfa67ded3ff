"""The encoder, tuned on what it and a graph model agree on; it needs no graph afterwards.

Source: the strategies' (`PseudoLabels`, `GraphPairs`).
Differs from the papers: see there; the head starts from logistic regression on the frozen encoder, which is
the encoder's own word at first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from graphtune.errors import PlanError
from graphtune.model import TextTask
from graphtune.select.candidate import Candidate
from graphtune.select.data import Data
from graphtune.select.features import View
from graphtune.select.fitted_tuned import FittedTuned
from graphtune.select.pupil import Pupil, usual_teacher
from graphtune.select.trained import seeded, trained
from graphtune.select.tuned_reader import (
    check_counts,
    cut_model,
    settings_of,
    start_head,
    tokens_of,
    transformer_of,
)
from graphtune.strategy import MinedStrategy, PseudoLabels


@dataclass(frozen=True)
class Mined(Pupil):
    """The top blocks and the head learn labels or pairs that the strategy mines from all texts and a graph.

    Raises:
        PlanError: a value is too small to learn anything.
    """

    compared_as: ClassVar[str] = "encoder-graph"
    compared_by: ClassVar[str] = "strategy"
    compared_itself: ClassVar[bool] = False  # its strategies name it
    of_transformers: ClassVar[bool] = True  # other encoders have no blocks

    strategy: MinedStrategy = field(default_factory=PseudoLabels)
    graph: str | None = "meaning"  # that pairs are read off; None: it has learned, and reads none any more
    teacher: Candidate | None = None  # None = propagated features of that graph, smoothed
    blocks: int = 3  # from the top, that learn; where there are no more, the embedding learns too
    batch_rows: int = 32  # texts of a step

    def __post_init__(self) -> None:
        check_counts(self, "blocks", "batch_rows")

    @property
    def served(self) -> "Mined":
        """What is needed to predict: no graph and no teacher."""
        return replace(self, graph=None, teacher=None)

    @property
    def usual(self) -> Candidate | None:
        """The teacher."""
        return usual_teacher(self.teacher, self.graph)

    @property
    def own(self) -> View:
        """What the head starts from."""
        return "meaning"

    @property
    def graphs(self) -> frozenset[str]:
        """The teacher's, and the one that pairs are read off."""
        return frozenset() if self.graph is None or self.usual is None else self.usual.graphs | {self.graph}

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> FittedTuned:
        """Learn from the labels of ``rows`` only, and from all texts.

        Raises:
            PlanError: it has no graph, or the encoder is no transformer.
            OutOfTime: the data's deadline came before the end of training.
        """
        encoder = transformer_of(data, self)
        with seeded(seed):
            model = cut_model(encoder, self.blocks, data.classes)
        start_head(model, data, rows)
        task = self._task(data, rows, seed, model.encoder.frozen)
        settings = settings_of(self.batch_rows)
        history = trained(self.strategy, model, task, settings, data, seed)
        able = {id(parameter) for parameter in model.body}
        moved = [name for name, parameter in model.named_parameters() if id(parameter) in able]
        return FittedTuned.of(encoder, model, moved, max(phase.learned for phase in history.phases))

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> FittedTuned:
        """Return a saved one."""
        encoder = transformer_of(data, self)
        return FittedTuned.restored(encoder, cut_model(encoder, self.blocks, data.classes), tensors)

    def __str__(self) -> str:
        over = "" if self.graph is None else f" over {self.graph}"
        teacher = "" if self.teacher is None else f", taught by {self.teacher}"
        return f"encoder tuned by {type(self.strategy).__name__}{over} (top {self.blocks} blocks{teacher})"

    def _task(self, data: Data, rows: Int64[np.ndarray, " T"], seed: int, frozen: int) -> TextTask:
        if self.graph is None or self.usual is None:
            raise PlanError(
                "Mined has no graph: a saved model does not keep it.",
                fix='name the graph it is to learn with, such as graph = "meaning".',
            )
        every = np.arange(len(data.labels))
        labels = data.known(rows)
        known = torch.from_numpy(labels)
        weights = None
        if data.weights is not None:
            # A row without a label counts as much as one with a label does on average.
            weights = torch.full((len(labels),), float(data.weights[rows].mean()))
            weights[torch.from_numpy(rows)] = torch.from_numpy(data.weights[rows])
        encoder = transformer_of(data, self)
        return TextTask(
            tokens_of(encoder, data.features.texts, frozen),
            known,
            data.classes,
            torch.from_numpy(every),
            known[:0],
            weights,
            torch.from_numpy(data.fitted(self.usual, rows, seed).at(data, every)),
            data.graphs[self.graph].graph,
            encoder.loaded.device,
        )
