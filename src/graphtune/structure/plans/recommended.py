"""The plans that follow from one analysis of a model, as one file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from graphtune.errors import PlanError
from graphtune.structure.model_graph import ModelGraph
from graphtune.structure.plans.bits import BitPlan, planned_bits
from graphtune.structure.plans.budget import Budget
from graphtune.structure.plans.pruning import PruningPlan, planned_pruning
from graphtune.structure.plans.tuning import TuningPlan, planned_tuning
from graphtune.structure.purpose import PURPOSES, Purpose
from graphtune.structure.scores.protocol import Score

Planned = TypeVar("Planned", TuningPlan, PruningPlan, BitPlan)


@dataclass(frozen=True)
class Budgets:
    """What tuned, pruned and quantised encoders may cost, as shares of the whole."""

    tuned: float = 0.25  # of the parameters learn
    pruned: float = 0.7  # of the FLOPs are left
    quantised: float = 0.25  # of the bytes are left


@dataclass(frozen=True)
class Recommended:
    """What to tune, prune and quantise."""

    tuning: TuningPlan = field(default_factory=TuningPlan)
    pruning: PruningPlan = field(default_factory=PruningPlan)
    bits: BitPlan = field(default_factory=BitPlan)


def recommended(
    graph: ModelGraph, score: Score, budgets: Budgets, *, heads: int
) -> tuple[Recommended, tuple[str, ...]]:
    """Return the plans by one score, and what could not be planned and why.

    Tuning is of top blocks, below which everything can be cached.

    Args:
        graph: of the encoder, with the columns that the score reads.
        score: of its modules.
        budgets: how much each may cost.
        heads: of a block; 0 = there are none, and nothing is pruned.

    Raises:
        PlanError: the graph has not a column that the score reads; a budget is out of range.
    """
    notes = list[str]()
    by_tuning, by_pruning, by_rounding = (score.of(graph, purpose) for purpose in PURPOSES)
    tuned = Budget("parameters", share=budgets.tuned)
    pruned = Budget("flops", share=budgets.pruned)
    rounded = Budget("bytes", share=budgets.quantised)

    def of(nothing: Planned, purpose: Purpose, planned: Callable[[], Planned]) -> Planned:
        try:
            return planned()
        except PlanError as error:
            notes.append(f"nothing to {purpose}: {error.problem}")
            return nothing

    found = Recommended(
        of(TuningPlan(), "tune", lambda: planned_tuning(graph, by_tuning, tuned, contiguous=True)),
        of(PruningPlan(), "prune", lambda: planned_pruning(graph, by_pruning, pruned, heads=heads)),
        of(BitPlan(), "quantise", lambda: planned_bits(graph, by_rounding, rounded)),
    )
    return found, tuple(notes)
