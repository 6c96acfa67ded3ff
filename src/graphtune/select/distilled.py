"""A student without a graph, taught by a candidate that reads one.

Source: GLNN, Zhang et al., ICLR 2022, arXiv:2110.08727, section 5.1.
Differs from the paper: the teacher is any candidate; its probabilities are sharpened, and known labels are
certain, as in `GraphTeacher`.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.graph import TextGraph
from graphtune.model import Model, Task
from graphtune.select.candidate import Candidate
from graphtune.select.data import Data, NewRows
from graphtune.select.features import DenseView, View, check_dense
from graphtune.select.pupil import Pupil, usual_teacher
from graphtune.select.spared import scaled
from graphtune.select.trained import bytes_of, seeded, tensors_of, trained
from graphtune.strategy import Distil, Strategy
from graphtune.strategy.distil_each import DistilEach
from graphtune.strategy.graph_teacher import sharpened
from graphtune.train import Training

_BATCH_ROWS = 1024  # of tables that have more


@dataclass(frozen=True)
class Distilled(Pupil):
    """A linear map, or a network of one hidden layer, on a dense view of each text by itself.

    Raises:
        PlanError: a value is out of its range.
    """

    compared_as: ClassVar[str] = "encoder-graph"

    strategy: Distil = field(default_factory=Distil)
    view: DenseView = "meaning"
    graph: str | None = "meaning"  # that the usual teacher reads; None: it has taught, and is not kept
    teacher: Candidate | None = None  # None = propagated features, smoothed
    power: float = 2.0  # to which the teacher's probabilities are raised
    width: int = 128  # of the hidden layer; 0 = there is none
    dropout: float = 0.2

    def __post_init__(self) -> None:
        check_dense(self.view, "Distilled")
        if self.width < 0:
            raise PlanError(f"Distilled.width = {self.width} is negative.", fix="use 0 or more.")
        if not self.power > 0.0:
            raise PlanError(f"Distilled.power = {self.power} is not above 0.", fix="use 1 to 2.")

    @property
    def served(self) -> "Distilled":
        """What is needed to predict: no teacher."""
        return replace(self, graph=None, teacher=None)

    @property
    def usual(self) -> Candidate | None:
        """The teacher."""
        return usual_teacher(self.teacher, self.graph)

    @property
    def own(self) -> View:
        """The student's."""
        return self.view

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> "FittedDistilled":
        """Learn from the labels of ``rows`` only, and from all texts.

        Raises:
            PlanError: it has no teacher.
            OutOfTime: the data's deadline came before the end of training.
        """
        data.check_single("Distilled")
        if self.usual is None:
            raise PlanError(
                "Distilled has no teacher: a saved model does not keep it.",
                fix="name one, or the graph that the usual one is to read.",
            )
        every = np.arange(len(data.labels))
        said = data.fitted(self.usual, rows, seed).at(data, every)
        return self.taught(data, said, data.known(rows), seed=seed)

    def taught(
        self, data: Data, said: Float32[np.ndarray, "N C"], labels: Int64[np.ndarray, " N"], *, seed: int
    ) -> "FittedDistilled":
        """Learn what a teacher says of all texts of the data, whose own labels are not read.

        Args:
            data: the texts; where they may have several labels, each class is learned by itself.
            said: the teacher's probabilities.
            labels: those that are certain whatever it says, of texts with one label; -1 = none.
            seed: of the weights at the start, of the order and of dropout.

        Raises:
            PlanError: texts may have several labels, and the strategy is for one.
            OutOfTime: the data's deadline came before the end of training.
        """
        known, nodes = torch.from_numpy(labels), torch.arange(len(labels))
        targets = torch.from_numpy(said)
        strategy: Strategy = DistilEach.of(self.strategy) if data.several else self.strategy
        if not data.several:
            targets = sharpened(targets, known, self.power)
        x = scaled(data.features.dense(self.view))
        task = Task(
            x,
            TextGraph.empty(len(labels)),
            known,
            data.classes,
            nodes,
            nodes[:0],
            None if data.weights is None else torch.from_numpy(data.weights),
            targets,
        )
        with seeded(seed):
            model = self._model(x.shape[1], data.classes)
        settings = Training(_BATCH_ROWS, patience=None, schedule="cosine")
        trained(strategy, model, task, settings, data, seed)
        return FittedDistilled(self, model, several=data.several)

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> "FittedDistilled":
        """Return a saved student."""
        inputs = tensors["layers.0.map.weight" if self.width else "head.weight"].shape[1]
        model = self._model(inputs, data.classes)
        model.load_state_dict(dict(tensors))
        return FittedDistilled(self, model, several=data.several)

    def __str__(self) -> str:
        student = f"MLP({self.view}, {self.width})" if self.width else f"linear({self.view})"
        if self.usual is None:
            return f"{student}, taught"
        return f"{student} taught by {self.graph if self.teacher is None else self.teacher}"

    def _model(self, inputs: int, classes: int) -> Model:
        layers = [Dense(inputs, self.width)] if self.width else []
        return Model(layers, nn.Linear(self.width or inputs, classes), dropout=self.dropout).eval()


@dataclass(frozen=True, eq=False)
class FittedDistilled:
    """A student."""

    candidate: Distilled
    model: Model
    several: bool  # whether each class has a probability of its own

    def at(self, data: Data, nodes: Int64[np.ndarray, " M"]) -> Float32[np.ndarray, "M C"]:
        """Return class probabilities of some nodes."""
        return self._read(data.features.dense(self.candidate.view)[torch.from_numpy(nodes)])

    def attach(self, data: Data, new: NewRows) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of new rows; their links are not looked at."""
        return self._read(new.features.dense(self.candidate.view))

    def tensors(self) -> dict[str, Tensor]:
        """Return its parameters."""
        return tensors_of(self.model)

    def maps(self) -> tuple[nn.Linear, ...]:
        """Return its linear maps from rows of L2 norm 1 to logits, with a ReLU between each two."""
        layers = [layer.map for layer in self.model.layers if isinstance(layer, Dense)]
        maps = tuple(deepcopy(one) for one in (*layers, self.model.head))
        with torch.no_grad():
            maps[0].weight.copy_(scaled(maps[0].weight))
        return maps

    @property
    def learned(self) -> int:
        """All of its parameters."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def size(self) -> int:
        """Bytes of its parameters."""
        return bytes_of(self.tensors().values())

    @torch.inference_mode()
    def _read(self, rows: Float32[Tensor, "N F"]) -> Float32[np.ndarray, "N C"]:
        logits = self.model.logits(scaled(rows), TextGraph.empty(len(rows)))
        return (torch.sigmoid(logits) if self.several else torch.softmax(logits, dim=1)).numpy()


class Dense(nn.Module):
    """A layer of a network over a graph that looks at no neighbour."""

    hops: int = 0

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.map = nn.Linear(inputs, outputs)

    def forward(self, x: Float[Tensor, "N F"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Map each node by itself."""
        return self.map(x)
