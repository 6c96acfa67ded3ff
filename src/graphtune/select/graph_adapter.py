"""Small graph layers between the frozen encoder's blocks, whose output is added to the blocks' rows.

Source: Huang et al., WWW 2024, arXiv:2402.12984.
Differs from the paper: `AdapterRung` says how; the head starts from logistic regression on the frozen
encoder, so that the first step has that one's predictions.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor, nn

from graphtune.encoder import Transformer
from graphtune.layer import GCN, GraphLayer
from graphtune.model import AdapterRung, SideNetwork
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
from graphtune.select.tuned_reader import linear_start
from graphtune.strategy import Full, Strategy


@dataclass(frozen=True)
class GraphAdapter(BesideEncoder):
    """An adapter behind each of the chosen blocks, and a linear head; the last block is always among them."""

    compared_as: ClassVar[str] = "encoder-graph"
    of_transformers: ClassVar[bool] = True  # other encoders have no blocks

    layer: type[GraphLayer] = GCN
    graph: str = "meaning"
    blocks: tuple[int, ...] = ()  # of the encoder, 0 = its embedding; none = up to six, evenly spaced
    width: int = 64
    dropout: float = 0.2
    strategy: Strategy = Full(rate=1e-3, decay=0.01, epochs=60)
    sampled_from: int = 1 << 30  # edges × adapters × width above which a step reads a sample of the graph
    fanouts: tuple[int, ...] = (10, 5, 2)  # neighbours drawn at each hop; further hops take the last

    def __post_init__(self) -> None:
        check_blocks(self.blocks, "GraphAdapter")

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> FittedSide:
        """Learn from the labels of ``rows`` only.

        Raises:
            PlanError: the encoder is no transformer.
            EncoderError: it has not all of the blocks.
            OutOfTime: the data's deadline came before the end of training.
        """
        encoder = encoder_of(data, self)
        with seeded(seed):
            model = self._model(encoder, data.classes)
        start = linear_start(data, rows)
        with torch.no_grad():
            # Its rows have L2 norm 1, those of the network entries near 1.
            model.head.weight.copy_(start.weight.T / math.sqrt(encoder.width))
            model.head.bias.copy_(start.bias)
        return fitted(self, model, self._blocks(encoder), data, rows, seed)

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> FittedSide:
        """Return a saved one."""
        encoder = encoder_of(data, self)
        return restored(self, self._model(encoder, data.classes), self._blocks(encoder), tensors)

    @property
    def hurried(self) -> bool:
        """No: there is one exit."""
        return False

    def content(self, found: Sequence[Float32[np.ndarray, "B C"]]) -> Bool[np.ndarray, "_ B"]:
        """Return that no row leaves before the end."""
        return np.zeros((len(found), len(found[0])), dtype=bool)

    def __str__(self) -> str:
        which = f"blocks {', '.join(map(str, self.blocks))}" if self.blocks else "the blocks"
        return f"adapters({self.layer.__name__} at {which} over {self.graph}, {self.width} wide)"

    def _blocks(self, encoder: Transformer) -> tuple[int, ...]:
        found = blocks_of(encoder, self.blocks)
        return found if found[-1] == encoder.depth else (*found, encoder.depth)

    def _model(self, encoder: Transformer, classes: int) -> SideNetwork:
        make = cast(Callable[..., nn.Module], self.layer)
        rungs = [
            AdapterRung(make(self.width, self.width), encoder.width, self.width)
            for _ in self._blocks(encoder)
        ]
        return SideNetwork(rungs, classes, exits=False, dropout=self.dropout)
