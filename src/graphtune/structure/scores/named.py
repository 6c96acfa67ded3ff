"""Scores by the names that people write."""

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from graphtune.errors import PlanError
from graphtune.structure.gnn.reader import SHIPPED
from graphtune.structure.scores.by_chance import Random
from graphtune.structure.scores.last_blocks import LastBlocks
from graphtune.structure.scores.learned import Learned
from graphtune.structure.scores.measured import Measured
from graphtune.structure.scores.protocol import Score
from graphtune.structure.scores.statistics import Fisher, GradientNorm, Magnitude, RelativeGradient, Taylor
from graphtune.structure.scores.uniform import Uniform
from graphtune.structure.scores.usual import Usual

NAMED: Final[Mapping[str, Score]] = MappingProxyType(
    {
        "auto": Usual(),
        "uniform": Uniform(),
        "last-blocks": LastBlocks(),
        "gradient-norm": GradientNorm(),
        "relative-gradient": RelativeGradient(),
        "fisher": Fisher(),
        "taylor": Taylor(),
        "magnitude": Magnitude(),
        "random": Random(),
        "measured": Measured(),
        "learned": Learned(),
    }
)


def score_named(name: str, *, all_measured: bool) -> Score:
    """Return the score of that name.

    ``all_measured``: whether every module will have been measured.

    Raises:
        PlanError: no score is called so; it needs what is not measured, or a network that is not there.
    """
    if name not in NAMED:
        near = get_close_matches(name.lower(), NAMED, n=3, cutoff=0.0)
        fix = f"use {', '.join(near)}; there are {', '.join(NAMED)}."
        raise PlanError(f"No score is called {name!r}.", fix=fix)
    score = NAMED[name]
    if isinstance(score, Measured) and not all_measured:
        raise PlanError(
            "The score 'measured' needs all modules to be measured.", fix="add --probes all, or use auto."
        )
    if isinstance(score, Learned) and not SHIPPED.is_file():
        raise PlanError(
            "This version of graphtune comes without the network that the score 'learned' asks.",
            fix="use auto, or Learned(weights=FILE) in Python.",
        )
    return score
