"""What the layers of a network made of nodes before a phase of training."""

from copy import deepcopy

import torch
from jaxtyping import Float
from torch import Tensor

from graphtune.graph import TextGraph
from graphtune.model import Batch, Model


class Start:
    """A copy of a network as it is, for comparing it with what it becomes.

    It is no part of the model, and nothing of it is saved: a strategy makes it before its phase, and so does
    a resumed training, which runs the strategy again with the weights of that time.
    """

    def __init__(self, model: Model) -> None:
        self._model = deepcopy(model).eval()
        self._last: tuple[Tensor, TextGraph, list[Tensor]] | None = None

    @torch.no_grad()
    def features(self, batch: Batch) -> list[Float[Tensor, "N _"]]:
        """Return the features after each layer, without dropout, for every node of a batch.

        Steps over one and the same graph share them.
        """
        last = self._last
        if last is None or last[0] is not batch.features or last[1] is not batch.graph:
            found = list(self._model.climb(batch.features, batch.graph))
            last = self._last = batch.features, batch.graph, found
        return last[2]
