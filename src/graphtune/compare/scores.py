"""What one training came to, on disk as soon as it is known."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64

from graphtune.artefact import written


@dataclass(frozen=True)
class Facts:
    """Beside the predictions."""

    train_seconds: float  # choosing settings and fitting; without encoding by frozen weights
    wall_seconds: float  # of all of it, but for starting the process
    peak_bytes: int  # of memory, of the process
    learned: int  # numbers that were learned from labels
    parameters: int  # these, and those of the encoder where it is read
    size_bytes: int  # of what must be kept to predict; without an encoder that was not tuned
    latency_ms: float | None  # median of one text at a time
    chosen: str  # settings that were chosen
    alone: bool  # whether nothing else was run meanwhile, so that its seconds can be compared
    note: str = ""
    graphs: tuple[dict[str, Any], ...] = ()  # name, edges, homophily
    versions: tuple[tuple[str, str], ...] = ()  # of an outside program's packages
    best_epochs: int | None = None  # of a network, up to its best validation score; None: no rows chose
    best_seconds: float | None = None  # that these epochs took


@dataclass(frozen=True, eq=False)
class Scores:
    """Of one training on the judging rows, in the table's order."""

    predicted: Int64[np.ndarray, " B"]  # numbers of the table's classes
    confidence: Float32[np.ndarray, " B"]  # probability of the prediction
    facts: Facts

    def write(self, path: Path) -> None:
        """Write it whole or not at all.

        Raises:
            OutputError: the place cannot be written to.
        """
        from safetensors.torch import save_file

        tensors = {
            "predicted": torch.from_numpy(self.predicted.astype(np.int32)),
            "confidence": torch.from_numpy(self.confidence),
        }
        with written(path) as partial:
            save_file(tensors, partial, metadata={"facts": json.dumps(asdict(self.facts))})

    @classmethod
    def read(cls, path: Path) -> "Scores | None":
        """Return what `write` wrote; None where there is nothing that can be read."""
        from safetensors import SafetensorError, safe_open

        if not path.is_file():
            return None
        try:
            with safe_open(path, "pt") as stored:
                raw = json.loads((stored.metadata() or {})["facts"])
                graphs = tuple(raw.pop("graphs"))
                versions = tuple((name, version) for name, version in raw.pop("versions"))
                predicted = stored.get_tensor("predicted").numpy().astype(np.int64)
                confidence = stored.get_tensor("confidence").numpy()
            return cls(predicted, confidence, Facts(**raw, graphs=graphs, versions=versions))
        except (SafetensorError, OSError, KeyError, TypeError, ValueError):
            return None
