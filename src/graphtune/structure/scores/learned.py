"""What a graph neural network over the model's own modules predicts, mended by what was measured."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphtune.structure.gnn.mended import mended
from graphtune.structure.gnn.reader import SHIPPED, read_reader
from graphtune.structure.model_graph import ModelGraph
from graphtune.structure.purpose import Purpose
from graphtune.structure.scores.measured import MEASURED_COLUMNS


@dataclass(frozen=True)
class Learned:
    """Predictions of `StructureGNN`; where two modules or more were measured, in the scale of these.

    Before that only an order is known, and every number is above 0.

    Raises:
        ModelError: its file is not there, or altered (when it is asked).
    """

    weights: str = ""  # file of the networks; none = those that come with graphtune

    def of(self, graph: ModelGraph, purpose: Purpose) -> tuple[float, ...]:
        """Return a number a node."""
        found = read_reader(Path(self.weights) if self.weights else SHIPPED).read(graph)
        nothing = (float("nan"),) * len(graph.nodes)
        measured = np.array(graph.columns.get(MEASURED_COLUMNS[purpose], nothing))
        return tuple(map(float, mended(found, purpose, measured)))
