"""What a graph neural network over the model's own modules predicts, mended by what was measured."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphtune.structure.gnn.reader import SHIPPED, read_reader
from graphtune.structure.gnn.refined import refined
from graphtune.structure.model_graph import ModelGraph
from graphtune.structure.purpose import PURPOSES, Purpose
from graphtune.structure.scores.measured import MEASURED_COLUMNS

_SCALED = 2  # measured modules that tell a scale


@dataclass(frozen=True)
class Learned:
    """Predictions of `StructureGNN`; where two modules or more were measured, in the scale of these.

    Before that only an order is known, as normal scores. They are then read as logarithms, so that every
    number is above 0: a plan takes what is not for worth nothing, or for harmless.

    Raises:
        ModelError: its file is not there, or altered (when it is asked).
    """

    weights: str = ""  # file of the networks; none = those that come with graphtune

    def of(self, graph: ModelGraph, purpose: Purpose) -> tuple[float, ...]:
        """Return a number a node."""
        found = read_reader(Path(self.weights) if self.weights else SHIPPED).read(graph)
        nothing = (float("nan"),) * len(graph.nodes)
        measured = np.array(graph.columns.get(MEASURED_COLUMNS[purpose], nothing))
        predicted = found.predicted[:, PURPOSES.index(purpose)]
        if np.isfinite(measured).sum() < _SCALED:
            return tuple(map(float, np.exp(predicted)))
        return tuple(map(float, refined(predicted, found.embedded, measured)))
