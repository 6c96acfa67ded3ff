"""How many bits the weights of each module keep.

Source: Dong et al., ICCV 2019, arXiv:1905.03696 (bits by sensitivity).
Differs from the paper: sensitivity is a score of the module, and its harm is taken to grow fourfold with each
bit less, as the squared error of rounding does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from graphtune.errors import PlanError
from graphtune.structure.located import unknown
from graphtune.structure.model_graph import ModelGraph, ModuleNode
from graphtune.structure.plans.budget import Budget

Bits = Literal[4, 8, 16, 32]
_STEPS: tuple[Bits, ...] = (32, 16, 8, 4)
_SCORED = 4  # bits that a score is the harm of


@dataclass(frozen=True)
class ModuleBits:
    """The bits of one module."""

    name: str
    bits: Bits


@dataclass(frozen=True)
class BitPlan:
    """The bits of some modules' matrices; biases, and modules that are not named, keep 32.

    Raises:
        PlanError: a module is named twice.
    """

    modules: tuple[ModuleBits, ...] = ()

    def __post_init__(self) -> None:
        names = [one.name for one in self.modules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise PlanError(f"The plan names {twice[0]} twice.", fix="name every module once.")

    def bytes(self, graph: ModelGraph) -> float:
        """Return the bytes of the encoder's weights; scales of rounded rows are not counted.

        Raises:
            PlanError: there is no module of a name.
        """
        missing = [one.name for one in self.modules if one.name not in graph.positions]
        if missing:
            raise unknown(missing[0], graph.positions)
        bits = {one.name: one.bits for one in self.modules}
        return sum(_bytes(n, bits.get(n.name, 32)) for n in graph.nodes if n.kind != "head")


def planned_bits(graph: ModelGraph, scores: Sequence[float], budget: Budget, *, fewest: Bits = 4) -> BitPlan:
    """Halve the bits of one matrix after the other, the least harm for the bytes saved first, until it fits.

    A matrix of unknown score (NaN) keeps 32 bits; harm below 0 counts as none. A larger budget never leaves
    a module fewer bits.

    Args:
        graph: of the encoder.
        scores: the harm of 4 bits, a number a node; NaN = unknown.
        budget: of bytes.
        fewest: bits that a module is left.

    Raises:
        PlanError: the budget is of something else, or the fewest bits are not few enough.
    """
    if budget.unit != "bytes":
        raise PlanError(
            f"Fewer bits save bytes, and the budget is of {budget.unit}.", fix="give one of bytes."
        )
    whole = BitPlan().bytes(graph)
    limit, left = budget.limit(whole), whole
    able = {
        node.name: _Rounded(node, max(0.0, score))
        for node, score in zip(graph.nodes, scores, strict=True)
        if node.kind != "head" and len(node.shape) > 1 and node.parameters and not math.isnan(score)
    }
    while left > limit:
        free = [one for one in able.values() if one.bits > fewest]
        if not free:
            raise PlanError(
                f"The weights do not fit in {budget}: {left:g} bytes are left at the least.",
                fix=f"give at least {left:g} bytes, which are {100 * left / whole:.0f} % of the whole"
                + ("." if fewest == 4 else ", or allow 4 bits."),
            )
        next_one = min(free, key=lambda one: one.order)
        left -= next_one.saved
        next_one.halve()
    return BitPlan(tuple(ModuleBits(n, one.bits) for n, one in able.items() if one.bits < 32))


class _Rounded:
    def __init__(self, node: ModuleNode, harm: float) -> None:
        self.node, self.harm = node, harm
        self.bits: Bits = 32

    @property
    def next_bits(self) -> Bits:
        return _STEPS[_STEPS.index(self.bits) + 1]

    @property
    def saved(self) -> float:
        return _bytes(self.node, self.bits) - _bytes(self.node, self.next_bits)

    @property
    def order(self) -> tuple[float, int]:
        """Harm of the next step for the bytes it saves; where that is the same, the most bits are next."""
        return (self._harm(self.next_bits) - self._harm(self.bits)) / self.saved, -self.bits

    def halve(self) -> None:
        self.bits = self.next_bits

    def _harm(self, bits: int) -> float:
        return self.harm * 4.0 ** (_SCORED - bits) if bits < 32 else 0.0


def _bytes(node: ModuleNode, bits: int) -> float:
    matrix = min(node.parameters, math.prod(node.shape)) if len(node.shape) > 1 else 0
    return matrix * bits / 8 + 4 * (node.parameters - matrix)
