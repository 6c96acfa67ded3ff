"""What pruning an encoder, and teaching it afterwards, came to."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Counted = Literal["labels", "head", "rows", "none"]


@dataclass(frozen=True)
class BlockReport:
    """One block of the encoder that was pruned."""

    block: int  # counted from 1
    heads: int  # that it has left; 0 of a block that is gone
    heads_before: int
    units: int
    units_before: int


@dataclass(frozen=True)
class PruningReport:
    """What was cut out of an encoder."""

    way: str
    scores: str  # by which was chosen
    counted: Counted  # whose change the scores are of
    texts: int  # that scores are from
    refit: int  # that what is left was fitted on
    tokens: int  # of the one text that FLOPs are told for
    blocks: tuple[BlockReport, ...]
    flops_before: int
    flops: int
    parameters_before: int
    parameters: int
    seconds: float

    @property
    def saved(self) -> float:
        """Share of the FLOPs that is gone."""
        return 1.0 - self.flops / self.flops_before

    def facts(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self) | {"blocks": [asdict(block) for block in self.blocks], "saved": self.saved}

    def __str__(self) -> str:
        rows = [
            f"block {one.block}: {one.heads} of {one.heads_before} heads, "
            f"{one.units} of {one.units_before} units"
            for one in self.blocks
        ]
        shares = f"{self.saved:.1%} fewer FLOPs at {self.tokens} tokens"
        lost = 1.0 - self.parameters / self.parameters_before
        return "\n".join([*rows, f"{shares}, {lost:.1%} fewer parameters, in {self.seconds:.1f} s"])


@dataclass(frozen=True)
class TaughtReport:
    """What a pruned encoder learned from the whole one."""

    texts: int
    epochs: int  # that it went through, the last of them as far as time went
    with_head: bool  # whether a head's probabilities were taught beside the rows
    cosine_before: float  # mean over some of the texts, between its rows and the teacher's
    cosine: float
    seconds: float

    def facts(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"taught on {self.texts} texts in {self.seconds:.0f} s: its rows' cosine with the whole "
            f"encoder's went from {self.cosine_before:.3f} to {self.cosine:.3f}"
        )
