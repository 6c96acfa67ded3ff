"""What follows from scores within a budget: which modules learn, are cut, or are kept in fewer bits."""

from graphtune.structure.plans.bits import BitPlan, Bits, ModuleBits, planned_bits
from graphtune.structure.plans.budget import Budget, Unit
from graphtune.structure.plans.pruning import BlockShares, PruningPlan, planned_pruning
from graphtune.structure.plans.recommended import Budgets, Recommended, recommended
from graphtune.structure.plans.tuning import ModuleTuning, TuningPlan, planned_tuning, planned_updates

__all__ = [
    "BitPlan",
    "Bits",
    "BlockShares",
    "Budget",
    "Budgets",
    "ModuleBits",
    "ModuleTuning",
    "PruningPlan",
    "Recommended",
    "TuningPlan",
    "Unit",
    "planned_bits",
    "planned_pruning",
    "planned_tuning",
    "planned_updates",
    "recommended",
]
