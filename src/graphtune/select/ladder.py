"""A ladder beside the frozen encoder: a graph layer and an exit at several of its blocks.

Source: Zhu et al., IJCAI 2024, arXiv:2401.15569 (ENGINE, with early exits); leaving by patience: Zhou et al.,
NeurIPS 2020, arXiv:2006.04152.
Differs from the papers: `LadderRung` and `EveryExit` say how; a row can also leave where one exit is sure.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
from jaxtyping import Bool, Float32, Int64
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.layer import SAGE, GraphLayer
from graphtune.model import LadderRung, SideNetwork
from graphtune.select.data import Data
from graphtune.select.side import (
    BesideEncoder,
    FittedSide,
    blocks_of,
    check_blocks,
    encoder_of,
    fitted,
    restored,
)
from graphtune.select.trained import seeded
from graphtune.strategy.every_exit import EveryExit


@dataclass(frozen=True)
class Ladder(BesideEncoder):
    """Rungs at the chosen blocks; a new row leaves by the first exit that satisfies ``sure`` or ``patience``.

    With neither, every row leaves by the last.
    """

    compared_as: ClassVar[str] = "encoder-graph"
    of_transformers: ClassVar[bool] = True  # other encoders have no blocks

    layer: type[GraphLayer] = SAGE
    graph: str = "meaning"
    blocks: tuple[int, ...] = ()  # of the encoder, 0 = its embedding; none = up to six, evenly spaced
    width: int = 64
    dropout: float = 0.5
    strategy: EveryExit = EveryExit()
    sure: float | None = None  # probability of its best class at which a row leaves
    patience: int | None = None  # exits in a row that must agree with the one before, for a row to leave
    sampled_from: int = 1 << 30  # edges × rungs × width above which a step reads a sample of the graph
    fanouts: tuple[int, ...] = (10, 5, 2)  # neighbours drawn at each hop; further hops take the last

    def __post_init__(self) -> None:
        check_blocks(self.blocks, "Ladder")
        if self.sure is not None and not 0.0 < self.sure <= 1.0:
            raise PlanError(f"sure = {self.sure} is no probability.", fix="use more than 0, at most 1.")
        if self.patience is not None and self.patience < 1:
            raise PlanError(f"patience = {self.patience} is too little.", fix="use 1 or more exits.")

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> FittedSide:
        """Learn from the labels of ``rows`` only.

        Raises:
            PlanError: the encoder is no transformer.
            EncoderError: it has not all of the blocks.
            OutOfTime: the data's deadline came before the end of training.
        """
        blocks = self._blocks(data)
        with seeded(seed):
            model = self.network(data)
        return fitted(self, model, blocks, data, rows, seed)

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> FittedSide:
        """Return a saved ladder."""
        return restored(self, self.network(data), self._blocks(data), tensors)

    @property
    def hurried(self) -> bool:
        """Whether a row may leave by another exit than the last."""
        return self.sure is not None or self.patience is not None

    def content(self, found: Sequence[Float32[np.ndarray, "B C"]]) -> Bool[np.ndarray, "_ B"]:
        """Return which rows may leave by which exit, from the probabilities of the first exits, or of all."""
        may = np.zeros((len(found), len(found[0])), dtype=bool)
        agreed, before = np.zeros(len(found[0]), dtype=np.int64), np.full(len(found[0]), -1)
        for number, probabilities in enumerate(found):
            best = probabilities.argmax(axis=1)
            agreed, before = np.where(best == before, agreed + 1, 0), best
            if self.sure is not None:
                may[number] |= probabilities.max(axis=1) >= self.sure
            if self.patience is not None:
                may[number] |= agreed >= self.patience
        return may

    def __str__(self) -> str:
        which = f"blocks {', '.join(map(str, self.blocks))}" if self.blocks else "the blocks"
        sure = "" if self.sure is None else f", leaving when {self.sure:.0%} sure"
        agreed = "" if self.patience is None else f", leaving when {self.patience + 1} agree"
        return f"ladder({self.layer.__name__} at {which} over {self.graph}, {self.width} wide{sure}{agreed})"

    def _blocks(self, data: Data) -> tuple[int, ...]:
        return blocks_of(encoder_of(data, self), self.blocks)

    def network(self, data: Data) -> SideNetwork:
        """Return an untrained one, with torch's default random numbers."""
        width = encoder_of(data, self).width
        # A protocol's constructor is not part of it: every layer is made as layer(inputs, outputs).
        make = cast(Callable[..., nn.Module], self.layer)
        rungs = [
            LadderRung(make(self.width, self.width), width, self.width, lowest=not number)
            for number in range(len(self._blocks(data)))
        ]
        return SideNetwork(rungs, data.classes, exits=True, dropout=self.dropout)
