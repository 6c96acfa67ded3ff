"""The encoder itself, tuned on what another candidate says of all texts; it needs no graph afterwards.

Source: Zhang et al., ICLR 2022, arXiv:2110.08727, section 3 (a graph model's soft labels on all nodes).
Differs from the paper: the student is the encoder, whose top blocks learn; labels that are known are targets
as they are, no term of their own, and have the last word (`GraphTeacher`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from graphtune.errors import PlanError
from graphtune.select.calibration import calibrated
from graphtune.select.candidate import Candidate
from graphtune.select.data import Data
from graphtune.select.features import View
from graphtune.select.propagated import Propagated
from graphtune.select.pupil import Pupil
from graphtune.select.smoothed import Smoothed
from graphtune.select.tuned import FittedTuned, Pace, Tuned
from graphtune.strategy import GraphTeacher
from graphtune.strategy.graph_teacher import sharpened


@dataclass(frozen=True)
class Taught(Pupil):
    """The top blocks of the encoder and a head learn a teacher's probabilities of all texts.

    Raises:
        PlanError: a value is out of its range.
    """

    compared_as: ClassVar[str] = "encoder-graph"
    of_transformers: ClassVar[bool] = True  # other encoders have no blocks

    teacher: Candidate | None = field(  # None: it has taught, and is not kept
        default_factory=lambda: Smoothed(Propagated(), "meaning")
    )
    temperature: float = 1.0  # at which the teacher's probabilities are taken
    blocks: int = 4  # from the top, that can learn; where there are no more, the embedding can too
    strategy: GraphTeacher = field(default_factory=GraphTeacher)
    batch_rows: int = 32  # texts of a step
    texts: int | None = None  # unlabelled ones that are learned from, drawn by the seed; None = all

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise PlanError(f"Taught.temperature = {self.temperature} is not above 0.", fix="use 1.")
        if self.texts is not None and self.texts < 0:
            raise PlanError(f"Taught.texts = {self.texts} is too few.", fix="use 0 or more, or leave it out.")
        _ = self.student

    @classmethod
    def over(cls, graph: str) -> "Taught":
        """Return the usual one, whose teacher reads this graph."""
        return cls(Smoothed(Propagated("meaning", graph), graph))

    @property
    def student(self) -> Tuned:
        """How it learns."""
        rows = min(self.batch_rows, self.strategy.label_rows)
        return Tuned(self.blocks, replace(self.strategy, label_rows=rows), self.batch_rows)

    @property
    def served(self) -> "Taught":
        """What is needed to predict: no teacher."""
        return replace(self, teacher=None)

    @property
    def usual(self) -> Candidate | None:
        """The teacher."""
        return self.teacher

    @property
    def own(self) -> View:
        """What the head starts from."""
        return "meaning"

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> FittedTuned:
        """Learn from the labels of ``rows``, and the texts of all.

        Raises:
            PlanError: it has no teacher, or the encoder is no transformer.
            OutOfTime: the data's deadline came before the end of training.
        """
        data.check_single("Taught")
        if self.teacher is None:
            raise PlanError(
                "Taught has no teacher: a saved model does not keep it.",
                fix="name one as its teacher, such as Smoothed or Mean.",
            )
        told = data.fitted(self.teacher, rows, seed)
        known = data.known(rows)
        nodes = self._nodes(known, seed)
        likely = torch.from_numpy(calibrated(told.at(data, nodes), self.temperature))
        targets = sharpened(likely, torch.from_numpy(known[nodes])).numpy()
        return self.student.learned(data, nodes, known[nodes], targets, seed=seed)

    def pace(self, data: Data, rows: Int64[np.ndarray, " T"]) -> Pace:
        """Return how long it takes to learn from texts, by a few steps on some of ``rows``; see `Tuned`.

        What it takes to be ready includes going through the labels of ``rows`` at the end.
        """
        bare = replace(self.student, strategy=replace(self.strategy, label_epochs=0))
        pace = bare.pace(data, rows)
        return replace(pace, ready=pace.ready + self.strategy.label_epochs * len(rows) * pace.text)

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> FittedTuned:
        """Return a saved one."""
        return self.student.restored(data, tensors)

    def __str__(self) -> str:
        by = "" if self.teacher is None else f", taught by {self.teacher}"
        return f"encoder tuned (top {self.blocks} blocks{by})"

    def _nodes(self, known: Int64[np.ndarray, " N"], seed: int) -> Int64[np.ndarray, " T"]:
        unknown = np.flatnonzero(known < 0)
        if self.texts is None or self.texts >= len(unknown):
            return np.arange(len(known))
        drawn = np.random.default_rng(seed).permutation(unknown)[: self.texts]
        return np.sort(np.concatenate([np.flatnonzero(known >= 0), drawn]))
