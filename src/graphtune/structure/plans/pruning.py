"""How many heads and feed-forward units each block keeps.

Source: Michel, Levy & Neubig, NeurIPS 2019, arXiv:1905.10650 (heads); Fang et al., CVPR 2023,
arXiv:2301.12900 (what depends on each other is cut together).
Differs from the papers: how much of a block is cut follows from scores of its modules; which of its heads and
units, whoever cuts decides.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from graphtune.errors import PlanError
from graphtune.structure.model_graph import ModelGraph, ModuleNode
from graphtune.structure.plans.budget import Budget, Unit

Part = Literal["heads", "units"]

_BY_ROWS: dict[str, Part] = {
    "query": "heads",
    "key": "heads",
    "value": "heads",
    "attention": "heads",
    "feed-forward in": "units",
    "feed-forward gate": "units",
}
_BY_COLUMNS: dict[str, Part] = {"attention output": "heads", "feed-forward out": "units"}
_UNIT_STEPS = 16  # in which a block's units are cut; one stays
_BYTES = 4  # of a number, in float32


@dataclass(frozen=True)
class BlockShares:
    """What one block keeps.

    Raises:
        PlanError: a share is not more than 0 and at most 1, or there is no such block.
    """

    block: int  # counted from 1
    heads: float = 1.0  # share, 0 … 1
    units: float = 1.0  # share of the feed-forward units, 0 … 1

    def __post_init__(self) -> None:
        if self.block < 1:
            raise PlanError(f"block = {self.block} is none.", fix="count blocks from 1.")
        for name, share in (("heads", self.heads), ("units", self.units)):
            if not 0.0 < share <= 1.0:
                raise PlanError(
                    f"Block {self.block}: {name} = {share:g} is no share.",
                    fix="use more than 0 and at most 1; something must be kept.",
                )


@dataclass(frozen=True)
class PruningPlan:
    """The shares that blocks keep; a block that is not named stays whole.

    Costs are those of the pruned encoder: parameters, their bytes in float32, FLOPs of one text (which
    stand for seconds).

    Raises:
        PlanError: a block is named twice.
    """

    blocks: tuple[BlockShares, ...] = ()

    def __post_init__(self) -> None:
        numbers = [one.block for one in self.blocks]
        twice = sorted({number for number in numbers if numbers.count(number) > 1})
        if twice:
            raise PlanError(f"The plan names block {twice[0]} twice.", fix="name every block once.")

    def share(self, node: ModuleNode) -> float:
        """Return the share of its rows or columns that a module keeps."""
        part = _part(node)
        named = {one.block: one for one in self.blocks}
        return getattr(named[node.block], part) if part and node.block in named else 1.0

    def cost(self, graph: ModelGraph, unit: Unit) -> float:
        """Return what the pruned encoder costs, in FLOPs for seconds.

        Raises:
            PlanError: there is no such block.
        """
        missing = [one.block for one in self.blocks if one.block > graph.depth]
        if missing:
            raise PlanError(
                f"The plan prunes block {missing[0]} of {graph.depth}.", fix=f"use 1 to {graph.depth}."
            )
        return sum(
            _all(node, unit) - (1 - self.share(node)) * _cut(node, unit)
            for node in graph.nodes
            if node.kind != "head"
        )


def planned_pruning(graph: ModelGraph, scores: Sequence[float], budget: Budget, *, heads: int) -> PruningPlan:
    """Cut heads and units one step after the other, the least harm for what it saves first, until it fits.

    A score is the harm of cutting half of a module; that of a share grows with its square. The harm of a part
    is that of its modules together. A part with a module of unknown score (NaN) stays whole; harm below 0
    counts as none. One head and a sixteenth of the units stay. A larger budget never cuts more of anything.

    Args:
        graph: of the encoder.
        scores: a number a node; NaN = unknown.
        budget: what the pruned encoder may cost.
        heads: of a block; where several share keys and values, as many as there are of these.

    Raises:
        PlanError: there is no head, or the most that can be cut is not enough.
    """
    if heads < 1:
        raise PlanError(f"heads = {heads} is no number of heads.", fix="use 1 or more.")
    left = whole = PruningPlan().cost(graph, budget.unit)
    limit, parts = budget.limit(whole), _parts(graph, scores, budget.unit, heads)
    while left > limit:
        able = [part for part in parts if part.cut + 1 < part.steps]
        if not able:
            raise PlanError(
                f"The encoder cannot be pruned to {budget}: {left:g} are left at the least.",
                fix=f"give at least {left:g}, which is {100 * left / whole:.0f} % of the whole.",
            )
        next_one = min(able, key=lambda part: part.order)
        next_one.cut += 1
        left -= next_one.saved
    kept: dict[int, dict[Part, float]] = {}
    for part in parts:
        if part.cut:
            kept.setdefault(part.block, {})[part.name] = 1 - part.cut / part.steps
    return PruningPlan(tuple(BlockShares(block, **shares) for block, shares in sorted(kept.items())))


@dataclass
class _CutPart:
    """The heads or the units of a block, and how much of them is cut so far."""

    block: int
    name: Part
    steps: int
    harm: float  # of cutting half
    saved: float  # by each step
    cut: int = 0

    @property
    def order(self) -> tuple[float, float, int]:
        """Harm of the next step for what it saves; where that is the same, what is cut least is next."""
        further = (self.cut + 1) ** 2 - self.cut**2
        return 4 * self.harm * further / self.steps**2 / self.saved, self.cut / self.steps, self.block


def _parts(graph: ModelGraph, scores: Sequence[float], unit: Unit, heads: int) -> list[_CutPart]:
    found: dict[tuple[int, Part], list[tuple[ModuleNode, float]]] = {}
    for node, score in zip(graph.nodes, scores, strict=True):
        part = _part(node)
        if part and 1 <= node.block <= graph.depth:
            found.setdefault((node.block, part), []).append((node, score))
    parts: list[_CutPart] = []
    for (block, part), own in found.items():
        steps = heads if part == "heads" else _UNIT_STEPS
        saved = sum(_cut(node, unit) for node, _ in own) / steps
        harm = sum(max(0.0, score) if score == score else math.nan for _, score in own)
        if saved and not math.isnan(harm):
            parts.append(_CutPart(block, part, steps, harm, saved))
    return parts


def _part(node: ModuleNode) -> Part | None:
    return _BY_ROWS.get(node.kind) or _BY_COLUMNS.get(node.kind)


def _all(node: ModuleNode, unit: Unit) -> float:
    if unit in ("flops", "seconds"):
        return float(node.flops)
    return float(node.parameters * (1 if unit == "parameters" else _BYTES))


def _cut(node: ModuleNode, unit: Unit) -> float:
    """Return what of a module's cost goes with its heads or units: of its columns, the bias does not."""
    if node.kind in _BY_COLUMNS and unit in ("parameters", "bytes"):
        return float(min(node.parameters, math.prod(node.shape)) * (1 if unit == "parameters" else _BYTES))
    return _all(node, unit)
