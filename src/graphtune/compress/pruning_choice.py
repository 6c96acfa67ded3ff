"""Which heads, units or blocks of an encoder go, so that it costs so much less.

Source: Kwon et al., NeurIPS 2022, arXiv:2204.09656, section 3 (heads and units under one budget of FLOPs).
Differs from the paper: what scores least for the FLOPs it saves goes first; units go by eights.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64
from torch import nn

from graphtune.compress.pruning_scores import GroupScores
from graphtune.encoder.block_parts import BlockParts, parts_of
from graphtune.errors import PlanError
from graphtune.structure.plans import BlockShares, PruningPlan

STEP = 8  # units that go at once: the width of a product stays a multiple of it
LEAST = 16  # units that every block keeps, beside one head

Kept = tuple[list[list[int]], list[list[int]]]  # positions of heads, and of units, in every block


@dataclass(frozen=True)
class _Piece:
    """What goes at once."""

    block: int
    what: Literal["head", "units"]
    positions: tuple[int, ...]
    flops: int
    rank: float  # score for a FLOP


def flops(model: nn.Module, tokens: int) -> int:
    """Return what the products of a whole encoder cost for a text of so many tokens; a multiply-add is two.

    Raises:
        EncoderError: an architecture whose parts are not known.
    """
    linear = (module for module in model.modules() if isinstance(module, nn.Linear))
    maps = sum(2 * one.in_features * one.out_features * tokens for one in linear)
    attended = sum(4 * tokens**2 * part.heads * part.head_width for part in parts_of(model))
    return maps + attended


def heads_and_units(model: nn.Module, scores: GroupScores, share: float, tokens: int) -> Kept:
    """Return what to keep so that ``share`` of the FLOPs go; every block keeps a head and some units.

    Raises:
        PlanError: not so much can go.
    """
    parts = parts_of(model)
    scores.check(parts)
    wanted = share * flops(model, tokens)
    kept_heads, kept_units = (
        [set(range(getattr(part, what))) for part in parts] for what in ("heads", "units")
    )
    pieces = sorted(_pieces(parts, scores, tokens), key=lambda piece: piece.rank)
    saved = 0
    for piece in pieces:
        if saved >= wanted:
            break
        (kept_heads if piece.what == "head" else kept_units)[piece.block] -= set(piece.positions)
        saved += piece.flops
    if saved < wanted:
        raise _too_much(share, saved / flops(model, tokens), "keep one head and 16 units in every block")
    return [sorted(kept) for kept in kept_heads], [sorted(kept) for kept in kept_units]


def units_alike(model: nn.Module, scores: GroupScores, share: float, tokens: int) -> Kept:
    """Return what to keep where every block loses equally many units, and no head.

    Raises:
        PlanError: not so much can go, or the blocks have not equally many units.
    """
    parts = parts_of(model)
    scores.check(parts)
    units, total = parts[0].units, flops(model, tokens)
    if len({part.units for part in parts}) > 1:
        raise PlanError(
            "The blocks of this encoder have not equally many units, so they cannot be cut alike.",
            fix="prune the encoder it was made of, or use way = 'groups'.",
        )
    each = sum(_unit_flops(part, tokens) for part in parts)
    left = (units - math.ceil(share * total / each)) // STEP * STEP
    if left < LEAST:
        most = max(0, units - LEAST) * each / total
        raise _too_much(share, most, "keep all heads and 16 units in every block")
    return [list(range(part.heads)) for part in parts], [_best(own, left) for own in scores.units]


def as_planned(model: nn.Module, scores: GroupScores, plan: PruningPlan) -> Kept:
    """Return what to keep so that every block keeps its shares of the plan, the best of its heads and units.

    Raises:
        PlanError: the plan names a block that is not there.
    """
    parts = parts_of(model)
    scores.check(parts)
    shares = {one.block: one for one in plan.blocks}
    missing = [block for block in shares if block > len(parts)]
    if missing:
        raise PlanError(
            f"The plan prunes block {missing[0]} of {len(parts)}.", fix="use the plan of this encoder."
        )
    heads, units = [], []
    for at, part in enumerate(parts):
        own = shares.get(at + 1, BlockShares(at + 1))
        heads.append(_best(scores.heads[at], max(1, round(own.heads * part.heads))))
        units.append(_best(scores.units[at], max(1, round(own.units * part.units))))
    return heads, units


def _best(scores: Float64[np.ndarray, " _"], count: int) -> list[int]:
    return np.sort(np.argsort(-scores, kind="stable")[:count]).tolist()


def blocks_left(model: nn.Module, share: float, drop: Sequence[int] | None) -> list[int]:
    """Return the positions of the blocks that stay: all but ``drop`` (counted from 1), else the lowest.

    Raises:
        PlanError: no such block, or none would be left.
    """
    depth = len(parts_of(model))
    if drop is None:
        drop = range(depth - math.ceil(round(share * depth, 9)) + 1, depth + 1)
    wrong = [block for block in drop if not 1 <= block <= depth]
    left = [at for at in range(depth) if at + 1 not in drop]
    if wrong or not left:
        said = f"no block {wrong[0]}" if wrong else "no block that would be left"
        raise PlanError(f"The encoder has {said}.", fix=f"drop some of 1 to {depth}, and keep one.")
    return left


def _pieces(parts: Sequence[BlockParts], scores: GroupScores, tokens: int) -> list[_Piece]:
    found: list[_Piece] = []
    for block, part in enumerate(parts):
        cost = _head_flops(part, tokens)
        heads = np.argsort(scores.heads[block], kind="stable")[: part.heads - 1]
        found += [
            _Piece(block, "head", (int(head),), cost, float(scores.heads[block][head]) / cost)
            for head in heads
        ]
        odd = part.units % STEP
        units = np.argsort(scores.units[block], kind="stable")[: max(0, part.units - LEAST)]
        for start in (0, *range(odd or STEP, len(units), STEP)) if len(units) else ():
            some = units[start : start + ((odd or STEP) if start == 0 else STEP)]
            cost = len(some) * _unit_flops(part, tokens)
            rank = float(scores.units[block][some].sum()) / cost
            # What is left over of the eights goes before anything else.
            rank = -math.inf if odd and start == 0 else rank
            found.append(_Piece(block, "units", tuple(map(int, some)), cost, rank))
    return found


def _head_flops(part: BlockParts, tokens: int) -> int:
    width = part.query.in_features
    return tokens * part.head_width * (8 * width + 4 * tokens)


def _unit_flops(part: BlockParts, tokens: int) -> int:
    return 4 * tokens * part.inner.in_features


def _too_much(share: float, most: float, so_that: str) -> PlanError:
    return PlanError(
        f"share = {share} of the FLOPs cannot go: {most:.3f} can, to {so_that}.",
        fix=f"use a share up to {math.floor(1000 * most) / 1000}, or drop whole blocks (way = 'blocks').",
    )
