"""Who says what a budget is spent on, and what is then done to the encoder.

A score of modules becomes a plan by the package's own planners. Beside scores there are ways that ask nobody:
all of the encoder, none of it, its top blocks, updates of one rank, eight bits throughout, and usual pruning.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from carried_out import Cutting, Rounding, Tuning, Work
from known_modules import LEARNED, SCORES, Known, Skipped
from levels import FIXED, FREE, LEVELS, WHOLE

from graphtune.compress import Pruning
from graphtune.select.tuning_plan import deep
from graphtune.strategy import PlannedTuning, TextStrategy
from graphtune.structure import ModelGraph
from graphtune.structure.plans import (
    BitPlan,
    Budget,
    ModuleBits,
    TuningPlan,
    planned_bits,
    planned_pruning,
    planned_tuning,
    planned_updates,
)
from graphtune.structure.plans.tuning_cost import TuningCost
from graphtune.structure.purpose import Purpose
from graphtune.structure.scores import LastBlocks, Uniform

RANKS = "-ranks"  # behind a score: it chooses ranks of low-rank updates instead of weights that learn
QUICK = "-quick"  # behind a score: what it chooses also takes no more than so much of a step's FLOPs
_OF_A_STEP = 0.4
_ASK_NOBODY: dict[Purpose, tuple[str, ...]] = {purpose: (*FREE[purpose], *FIXED[purpose]) for purpose in FREE}
SELECTORS: dict[Purpose, tuple[str, ...]] = {
    "tune": (
        *(*_ASK_NOBODY["tune"], *SCORES),
        *(f"{name}{way}" for way in (RANKS, QUICK) for name in SCORES),
    ),
    "prune": (*_ASK_NOBODY["prune"], *SCORES),
    "quantise": (*_ASK_NOBODY["quantise"], *SCORES),
}
_OF_HARM = ("uniform", "fisher", "taylor", "magnitude", "learned", "random")
DEFAULT: dict[Purpose, tuple[str, ...]] = {
    "tune": ("full", "lora-uniform", "last-k", "fisher", "gradient-norm", "usual", "learned", "random"),
    "prune": (*_ASK_NOBODY["prune"], *_OF_HARM),
    "quantise": (*_ASK_NOBODY["quantise"], *_OF_HARM),
}
_ALPHA = 16.0  # of low-rank updates: scale times rank, as in `LoRA`, so that one step size suits any rank


def learns(selector: str) -> bool:
    """Return whether what it says is what networks learned from the sensitivities of other texts."""
    return _score(selector) in LEARNED


def _score(selector: str) -> str:
    return selector.removesuffix(RANKS).removesuffix(QUICK)


@dataclass(frozen=True)
class Choice:
    """What a selector comes to."""

    work: Work
    said: str


def chosen(
    selector: str, purpose: Purpose, level: str, known: Known, *, factor: float = 1.0, epochs: int = 3
) -> Choice:
    """Return what is done to the encoder by a selector.

    Args:
        selector: one of `SELECTORS` of the purpose.
        purpose: what the budget is of.
        level: one of `LEVELS` of the purpose; `WHOLE` for those that have no budget.
        known: of the encoder and the set.
        factor: of the step sizes of a training.
        epochs: of a training, at most.

    Raises:
        Skipped: the selector has nothing to say here.
        PlanError: there is no such plan.
    """
    value = 1.0 if level == WHOLE else LEVELS[purpose][level]
    if purpose == "tune":
        return _tuning(selector, value, known, factor, epochs)
    return (_pruning if purpose == "prune" else _rounding)(selector, value, known)


def _tuning(selector: str, share: float, known: Known, factor: float, epochs: int) -> Choice:
    encoder, graph = known.corpus.encoder, known.bare
    if selector == "full":
        # As `fit` tunes all blocks, the embedding with them.
        usual: Any = deep(len(known.corpus.learn), encoder.depth).strategy
        strategy = replace(usual, rate=factor * usual.rate, epochs=epochs)
        return Choice(Tuning(strategy, encoder.depth), "everything")
    budget = Budget("parameters", share=share)
    if selector == "head":
        plan = TuningPlan()
    elif selector == "last-k":
        plan = planned_tuning(graph, LastBlocks().of(graph, "tune"), budget, contiguous=True)
    elif selector == "lora-uniform":
        plan = planned_updates(graph, Uniform().of(graph, "tune"), budget, most=highest_rank(graph))
    else:
        graph, scores = known.scored(_score(selector), "tune")
        within = Budget("flops", share=_OF_A_STEP) if selector.endswith(QUICK) else None
        if selector.endswith(RANKS):
            plan = planned_updates(graph, scores, budget, most=highest_rank(graph))
        else:
            # As the command plans by what is usual: top blocks, below which everything can be cached.
            top = selector == "usual"
            plan = planned_tuning(graph, scores, budget, contiguous=top, within=within)
    return Choice(Tuning(_planned(plan, factor, epochs), plan.blocks(graph)), _said(plan))


def _planned(plan: TuningPlan, factor: float, epochs: int) -> TextStrategy:
    usual, ranks = PlannedTuning(), [one.rank for one in plan.modules if one.rank]
    return replace(
        usual,
        plan=plan,
        rate=factor * usual.rate,
        update_rate=factor * usual.update_rate,
        scale=_ALPHA / median(ranks) if ranks else usual.scale,
        epochs=epochs,
    )


def highest_rank(graph: ModelGraph) -> int:
    """Return a rank above which no update of any matrix can do more."""
    return max((min(node.shape) for node in graph.nodes if len(node.shape) == 2), default=1)


def _said(plan: TuningPlan) -> str:
    if plan.top or not plan.modules:
        return f"top {plan.top} blocks" if plan.top else "the head alone"
    ranks = [one.rank for one in plan.modules if one.rank]
    if not ranks:
        return f"{len(plan.modules)} modules"
    return f"{len(ranks)} updates, ranks {min(ranks)} to {max(ranks)}"


def _pruning(selector: str, left: float, known: Known) -> Choice:
    if selector == "whole":
        return Choice(Rounding(BitPlan()), "everything")
    graph = known.bare
    # For the text that plans count for.
    usual = Pruning(share=1.0 - left, tokens=graph.tokens)
    if selector == "groups":
        return Choice(Cutting(usual), "heads and units that score least")
    if selector == "top-blocks":
        return Choice(Cutting(replace(usual, way="blocks")), "top blocks")
    graph, scores = known.scored(selector, "prune")
    plan = planned_pruning(graph, scores, Budget("flops", share=left), heads=known.heads)
    return Choice(Cutting(Pruning(tokens=graph.tokens), plan), f"parts of {len(plan.blocks)} blocks")


def _rounding(selector: str, bits: float, known: Known) -> Choice:
    graph = known.bare
    if selector == "whole":
        return Choice(Rounding(BitPlan()), "32 bits")
    if selector == "alike":
        if bits != 8.0:
            raise Skipped("all alike there is 8 bits alone")
        return Choice(Rounding(alike(graph)), "8 bits")
    graph, scores = known.scored(selector, "quantise")
    eights = alike(graph).bytes(graph)
    matrices = (BitPlan().bytes(graph) - eights) / 3  # bytes at 8 bits, a quarter of those at 32
    plan = planned_bits(graph, scores, Budget("bytes", amount=eights - matrices * (1 - bits / 8)))
    return Choice(Rounding(plan), _bits_said(plan))


def alike(graph: ModelGraph) -> BitPlan:
    """Return 8 bits for every matrix."""
    every = [node for node in graph.nodes if node.kind != "head" and node.parameters and len(node.shape) > 1]
    return BitPlan(tuple(ModuleBits(node.name, 8) for node in every))


def _bits_said(plan: BitPlan) -> str:
    counts = {bits: sum(one.bits == bits for one in plan.modules) for bits in (16, 8, 4)}
    return ", ".join(f"{count} at {bits} bits" for bits, count in counts.items() if count)


def spent(choice: Choice, known: Known, found: Mapping[str, Any]) -> float:
    """Return what learned (without the head) or is left, as a share of the whole, counted afterwards."""
    if isinstance(choice.work, Rounding):
        return choice.work.plan.bytes(known.bare) / BitPlan().bytes(known.bare)
    if isinstance(choice.work, Cutting):
        return float(found["flops"])
    return float(found["learned"]) / TuningCost(known.bare, "parameters").all()
