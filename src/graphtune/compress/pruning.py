"""Cut heads, feed-forward units or blocks out of an encoder, so that it costs so many FLOPs less.

Source: Michel, Levy & Neubig, NeurIPS 2019, arXiv:1905.10650; Kwon et al., NeurIPS 2022, arXiv:2204.09656;
Sajjad et al., 2023, arXiv:2004.03844, section 3 (top blocks).
What was cut is gone from the matrices, so that they are smaller and products faster.
Fisher scores and the refit are the usual ones: on training rows of trec6, at 30 % fewer FLOPs, a head fitted
before pruning was right on 77.0 % of other training rows (76.8 before), without the refit on 71.8, and with
Taylor scores, which take nearly all heads, on 66.3.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int64
from torch import nn

from graphtune.compress.pruned_encoder import PrunedEncoder
from graphtune.compress.pruning_choice import (
    Kept,
    as_planned,
    blocks_left,
    flops,
    heads_and_units,
    units_alike,
)
from graphtune.compress.pruning_objective import of_labels, of_rows, of_what_is_said, tells_apart
from graphtune.compress.pruning_refit import cut_and_refit
from graphtune.compress.pruning_report import BlockReport, Counted, PruningReport
from graphtune.compress.pruning_scores import GroupScores, Padded, by_gates, magnitude
from graphtune.encoder import Transformer
from graphtune.encoder.block_parts import parts_of
from graphtune.encoder.loading import load_model
from graphtune.encoder.pruned import cut, keep_blocks
from graphtune.encoder.token_states import TokenIds
from graphtune.errors import PlanError
from graphtune.select.linear import LinearHead
from graphtune.structure.plans import PruningPlan

_BATCH = 32  # texts whose gradients are taken at once
_STRENGTH = 10.0  # scikit-learn's C of the head that labels are scored through
_POWERS = {"taylor": 1.0, "fisher": 2.0}

Way = Literal["groups", "units", "blocks"]


@dataclass(frozen=True)
class Pruning:
    """How much of an encoder goes, and what.

    Raises:
        PlanError: a value is out of its range.
    """

    share: float = 0.3  # of the FLOPs of the whole encoder
    # groups: heads and units, wherever they score least; units: equally many in every block, and no head,
    # which other libraries can load; blocks: the top ones.
    way: Way = "groups"
    scores: Literal["taylor", "fisher", "magnitude"] = "fisher"
    tokens: int | None = (
        None  # of the text that FLOPs are counted for; None = as the given texts have on average
    )
    texts: int = 256  # that scores are from, drawn by the seed
    refit: int = 1024  # texts on which what is left makes up for what goes; 0 = it does not
    drop: tuple[int, ...] | None = (
        None  # blocks, counted from 1, that go instead of the top ones; no share then
    )

    def __post_init__(self) -> None:
        limits = {
            "share": (0.0 < self.share < 1.0, "more than 0 and less than 1, such as 0.3"),
            "way": (self.way in ("groups", "units", "blocks"), "groups, units or blocks"),
            "scores": (self.scores in (*_POWERS, "magnitude"), "taylor, fisher or magnitude"),
            "tokens": (self.tokens is None or self.tokens >= 1, "1 or more, or leave it out"),
            "texts": (self.texts >= 1, "1 or more"),
            "refit": (self.refit >= 0, "0 or more"),
            "drop": (self.drop is None or self.way == "blocks", "leave it out, or use way = 'blocks'"),
        }
        for name, (right, fix) in limits.items():
            if not right:
                raise PlanError(f"{name} = {getattr(self, name)!r} cannot be pruned by.", fix=fix + ".")


_USUAL = Pruning()


def prune(
    encoder: Transformer,
    texts: Sequence[str],
    labels: Int64[np.ndarray, " T"] | None = None,
    *,
    settings: Pruning = _USUAL,
    plan: PruningPlan | None = None,
    scores: GroupScores | None = None,
    head: LinearHead | None = None,
    seed: int = 0,
) -> PrunedEncoder:
    """Return what is left of an encoder, in float32; the encoder's own files stay as they are.

    Args:
        encoder: what is pruned.
        texts: such as it will read.
        labels: of the texts, -1 where unknown; None or none known: what moves least what the head says goes,
            or without a head what moves the rows least.
        settings: how much goes, and what.
        plan: what share of its heads and units each block keeps; the scores say which. The settings' share
            and way then count for nothing.
        scores: of its heads and units, where they were measured elsewhere.
        head: that classes are told by; None = logistic regression on the encoder's rows, where there are
            labels.
        seed: of what is drawn.

    Raises:
        EncoderError: the encoder is not complete, or of an architecture whose parts are not known.
        PlanError: there is no text, labels, head, scores or the plan do not fit, or not so much can go.
    """
    start = time.monotonic()
    if head is not None and len(head.weight) != encoder.width:
        raise PlanError(
            f"The head reads rows of {len(head.weight)} numbers; the encoder's have {encoder.width}.",
            fix="give a head that was fitted on this encoder's rows.",
        )
    given = _Given.of(encoder, texts, labels)
    drawn = given.drawn(settings.texts, seed)
    model = load_model(encoder.directory, torch.float32).eval().requires_grad_(False)
    tokens = settings.tokens or max(1, round(float(given.tokens.length[drawn].mean())))
    before, told = _Size.of(model, tokens), "none"
    kept = list(range(len(before.shapes)))  # positions of blocks
    way = "plan" if plan is not None else settings.way
    if way == "blocks":
        kept = blocks_left(model, settings.share, settings.drop)
        keep_blocks(model, kept)
    else:
        told = "given" if scores else settings.scores
        found = scores or _scored(model, given, settings, drawn, head, seed)
        if plan is not None:
            chosen = as_planned(model, found, plan)
        else:
            choose = heads_and_units if way == "groups" else units_alike
            chosen = choose(model, found, settings.share, tokens)
        _cut(model, chosen, given, settings.refit, seed)
    after = _Size.of(model, tokens)
    report = PruningReport(
        way=way,
        scores=told,
        counted=given.counted(head) if told in _POWERS else "none",
        texts=len(drawn) if told in _POWERS else 0,
        refit=0 if way == "blocks" else min(settings.refit, len(given.texts)),
        tokens=tokens,
        blocks=_blocks(before, after, kept),
        flops_before=before.flops,
        flops=after.flops,
        parameters_before=before.parameters,
        parameters=after.parameters,
        seconds=time.monotonic() - start,
    )
    return PrunedEncoder(encoder, model, report)


def _cut(model: nn.Module, kept: Kept, given: "_Given", refit: int, seed: int) -> None:
    if refit:
        rows = _some(np.arange(len(given.texts)), refit, seed)
        cut_and_refit(model, given.batches(rows), *kept)
    else:
        cut(model, *kept)


@dataclass(frozen=True)
class _Size:
    """What an encoder costs."""

    shapes: tuple[tuple[int, int], ...]  # heads and units of every block
    flops: int
    parameters: int

    @classmethod
    def of(cls, model: nn.Module, tokens: int) -> "_Size":
        shapes = tuple((part.heads, part.units) for part in parts_of(model))
        return cls(shapes, flops(model, tokens), sum(weights.numel() for weights in model.parameters()))


def _blocks(before: _Size, after: _Size, kept: Sequence[int]) -> tuple[BlockReport, ...]:
    left = dict(zip(kept, after.shapes, strict=True))
    found: list[BlockReport] = []
    for at, (heads_before, units_before) in enumerate(before.shapes):
        heads, units = left.get(at, (0, 0))
        found.append(BlockReport(at + 1, heads, heads_before, units, units_before))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Given:
    """The texts that are not blank, with their labels."""

    encoder: Transformer
    texts: list[str]
    labels: Int64[np.ndarray, " T"]  # -1 = unknown
    tokens: TokenIds

    @classmethod
    def of(
        cls, encoder: Transformer, texts: Sequence[str], labels: Int64[np.ndarray, " M"] | None
    ) -> "_Given":
        if labels is not None and len(labels) != len(texts):
            raise PlanError(
                f"There are {len(labels)} labels for {len(texts)} texts.",
                fix="give one for each text, -1 where it is unknown.",
            )
        there = [row for row, text in enumerate(texts) if text.strip()]
        if not there:
            raise PlanError("There is no text to prune by.", fix="give some texts such as it will read.")
        own = np.full(len(there), -1, dtype=np.int64) if labels is None else labels[there]
        kept = [texts[row] for row in there]
        return cls(encoder, kept, own, TokenIds.of(encoder, kept))

    @property
    def labelled(self) -> bool:
        """Whether there is a label."""
        return bool((self.labels >= 0).any())

    def counted(self, head: LinearHead | None) -> Counted:
        """Return whose change is counted."""
        if self.labelled:
            return "labels"
        return "head" if head is not None and tells_apart(head) else "rows"

    def drawn(self, count: int, seed: int) -> Int64[np.ndarray, " M"]:
        """Return the rows of some texts, of those with a label where there are such."""
        able = np.flatnonzero(self.labels >= 0) if self.labelled else np.arange(len(self.texts))
        return _some(able, count, seed)

    def batches(self, rows: Int64[np.ndarray, " M"]) -> Iterator[Padded]:
        """Yield texts of similar length."""
        order = rows[np.argsort(self.tokens.length[rows], kind="stable")]
        for start in range(0, len(order), _BATCH):
            some = order[start : start + _BATCH]
            yield some, *self.tokens.padded(some)


def _some(rows: Int64[np.ndarray, " M"], count: int, seed: int) -> Int64[np.ndarray, " B"]:
    return np.sort(np.random.default_rng(seed).permutation(rows)[:count])


def _scored(
    model: nn.Module,
    given: _Given,
    settings: Pruning,
    drawn: Int64[np.ndarray, " M"],
    head: LinearHead | None,
    seed: int,
) -> GroupScores:
    if settings.scores == "magnitude":
        return magnitude(model)
    counted = given.counted(head)
    if counted == "labels":
        loss = of_labels(given.labels, head or _head(given))
    elif counted == "head":
        assert head is not None
        loss = of_what_is_said(head, seed)
    else:
        loss = of_rows(seed)
    pooling = given.encoder.pooled_by
    return by_gates(model, given.batches(drawn), pooling, loss, _POWERS[settings.scores])


def _head(given: _Given) -> LinearHead:
    known = np.flatnonzero(given.labels >= 0)
    rows = given.encoder.encode([given.texts[row] for row in known])
    return LinearHead.fit(rows, given.labels[known], int(given.labels.max()) + 1, strength=_STRENGTH)
