"""Ways to say how much each module matters, one interface for all."""

from graphtune.structure.purpose import Purpose
from graphtune.structure.scores.by_chance import Random
from graphtune.structure.scores.last_blocks import LastBlocks
from graphtune.structure.scores.learned import Learned
from graphtune.structure.scores.measured import MEASURED_COLUMNS, Measured
from graphtune.structure.scores.named import NAMED, score_named
from graphtune.structure.scores.protocol import Score
from graphtune.structure.scores.statistics import Fisher, GradientNorm, Magnitude, RelativeGradient, Taylor
from graphtune.structure.scores.uniform import Uniform
from graphtune.structure.scores.usual import Usual

ALL = (Uniform, LastBlocks, GradientNorm, RelativeGradient, Fisher, Taylor, Magnitude, Random, Measured)

__all__ = [
    "ALL",
    "MEASURED_COLUMNS",
    "NAMED",
    "Fisher",
    "GradientNorm",
    "LastBlocks",
    "Learned",
    "Magnitude",
    "Measured",
    "Purpose",
    "Random",
    "RelativeGradient",
    "Score",
    "Taylor",
    "Uniform",
    "Usual",
    "score_named",
]
