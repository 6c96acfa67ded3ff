"""How alike modules are expected to err: by what the networks see in them, by kind, and by depth.

Source: sums and products of kernels, Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006,
section 4.2.4.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float64

from graphtune.errors import PlanError
from graphtune.structure.model_graph import ModelGraph


@dataclass(frozen=True)
class Likeness:
    """What makes modules alike; kind and depth count 1 each.

    Raises:
        PlanError: a value is out of its range.
    """

    seen: float = 2.0  # what the embedding counts
    both: float = 1.0  # and kind and depth at once
    far: float = 0.3  # of the depth, at which two modules are alike by 1 / e
    noise: float = 0.3  # variance of what a probe measures, as a share of what is left unexplained

    def __post_init__(self) -> None:
        least = {"seen": self.seen >= 0, "both": self.both >= 0, "far": self.far > 0, "noise": self.noise > 0}
        for name, right in least.items():
            if not right:
                raise PlanError(
                    f"{name} = {getattr(self, name)!r} is out of range.",
                    fix="use 0 or more." if name in ("seen", "both") else "use more than 0.",
                )


USUAL: Final = Likeness()


def likeness(
    graph: ModelGraph, embedded: Float64[np.ndarray, "N G"], how: Likeness = USUAL
) -> Float64[np.ndarray, "N N"]:
    """Return 1 for a module and itself, and towards 0 for modules that have nothing in common."""
    squares = _squares(_standard(embedded))
    scale = np.median(squares[squares > 0]) if (squares > 0).any() else 1.0
    kinds = np.array([node.kind for node in graph.nodes])
    same = (kinds[:, None] == kinds[None]).astype(np.float64)
    depth = np.array([[node.block / (graph.depth + 1)] for node in graph.nodes])
    near = np.exp(-_squares(depth) / how.far**2)
    found = how.seen * np.exp(-squares / scale) + same + near + how.both * same * near
    return found / (how.seen + 2.0 + how.both)


def _squares(points: np.ndarray) -> np.ndarray:
    return np.square(points[:, None] - points[None]).sum(axis=2)


def _standard(embedded: np.ndarray) -> np.ndarray:
    spread = embedded.std(axis=0)
    return (embedded - embedded.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
