"""Links from each text to the texts most like it: a k-nearest-neighbour graph by cosine.

Source: the symmetric kNN graph of von Luxburg, Statistics and Computing 2007, arXiv:0711.0189, section 2.2.
Differs from the paper: new rows are attached without rebuilding; see `NeighbourGraph.attach`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float32
from torch import Tensor

from graphtune.errors import GraphError
from graphtune.graph.nearest import Best, Lists, blocks, nearest
from graphtune.graph.rows import Attachment, Rows
from graphtune.graph.text_graph import TextGraph

_HAIR = 1e-6  # the cosine of the same two rows differs so much between products of different shapes
_MOST_LINKS = 10  # times k: what one attached row may receive from, should thousands of texts be alike
_ROOM = -2.0  # below every cosine: the threshold of a row that has fewer than k others


@dataclass(frozen=True)
class Neighbours:
    """Link each row to its ``k`` nearest; weight = cosine to the power ``sharpness``.

    Rows are linked when ``either`` counts the other among its nearest, or only when ``both`` do.
    """

    k: int = 15
    sharpness: float = 1.0
    linked: Literal["either", "both"] = "either"

    def __post_init__(self) -> None:
        if self.k < 1:
            raise GraphError(
                f"k = {self.k} leaves no neighbours.", fix="set k to 1 or more; 10 to 25 is usual."
            )
        if not self.sharpness > 0:
            raise GraphError(
                f"sharpness = {self.sharpness} is not positive.", fix="use 1, or 4 for sharper weights."
            )

    def build(self, rows: Rows) -> "NeighbourGraph":
        """Build the graph over ``rows``; a row of zeros stays isolated. Cost: that of `nearest`."""
        features, count = rows.features, len(rows)
        k = min(self.k, count - 1)
        if k < 1:
            return NeighbourGraph(self, TextGraph.empty(count), features, torch.full((count,), _ROOM))
        found = nearest(features, k)
        values, columns = found.cosines[:, :k], found.columns[:, :k]
        # A row with fewer than k others has room for any more.
        threshold = values[:, -1].clone() if k == self.k else values.new_full((count,), _ROOM)
        column, value = columns.numpy().ravel(), values.numpy().ravel()
        row = np.repeat(np.arange(count), k)
        links = scipy.sparse.coo_array((self._weights(value), (row, column)), shape=(count, count)).tocsr()
        turned = scipy.sparse.csr_array(links.T)
        joined = scipy.sparse.csr_array(
            links.maximum(turned) if self.linked == "either" else links.minimum(turned)
        )
        joined.eliminate_zeros()
        return NeighbourGraph(self, TextGraph.from_scipy(joined), features, threshold, found.lists)

    def restored(
        self, graph: TextGraph, ids: Sequence[str], tensors: Mapping[str, Tensor]
    ) -> "NeighbourGraph":
        """Return a saved graph from its adjacency and its `NeighbourGraph.tensors`."""
        lists = Lists.restored(tensors) if "centroids" in tensors else None
        return NeighbourGraph(self, graph, tensors["features"], tensors["threshold"], lists)

    def _weights(self, cosine: np.ndarray) -> np.ndarray:
        return np.maximum(cosine, 0.0) ** np.float32(self.sharpness)


@dataclass(frozen=True, eq=False)
class NeighbourGraph:
    """A neighbour graph with what attaching needs."""

    builder: Neighbours
    graph: TextGraph
    features: Float32[Tensor, "N F"]  # of the stored rows
    threshold: Float32[Tensor, " N"]  # cosine of each stored row's k-th nearest; −2 = it has fewer
    lists: Lists | None = None  # what is searched, where that is not everything

    @property
    def report(self) -> str:
        """How the neighbours were sought, where not by comparing all pairs."""
        if self.lists is None:
            return ""
        return (
            f"neighbours sought in {self.lists.probes} of {len(self.lists.centroids)} lists, which hold "
            f"{self.lists.recall:.0%} of the true ones"
        )

    def attach(self, rows: Rows) -> Attachment:
        """Link new rows as the rule of the graph would have: to their own ``k`` nearest and to every stored
        row that would count them among its own. Degrees then look like those the model was trained on.

        New rows are not linked to one another, so that a prediction does not depend on its company.
        """
        shape = (len(rows), self.features.shape[0])
        best = Best.of(shape[0], min(self.builder.k, shape[1]))
        theirs = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.float32)]
        for numbers, among, cosines in blocks(rows.features, self.features, self.lists):
            best.add(numbers, among, cosines)
            if self.builder.linked == "either":
                wanted = cosines >= (self.threshold if among is None else self.threshold[among]) - _HAIR
                wanted &= cosines > 0  # a stored row of zeros would have a link to everything
                at, column = wanted.nonzero(as_tuple=True)
                place = numbers[at] * shape[1] + (column if among is None else among[column])
                theirs[0].append(place.numpy())
                theirs[1].append(cosines[at, column].numpy())
        known = best.cosines > 0
        if self.builder.linked == "both":
            known &= best.cosines >= self.threshold[best.columns] - _HAIR
        at = known.nonzero(as_tuple=True)[0]
        place = (at * shape[1] + best.columns[known]).numpy()
        place, first = np.unique(np.concatenate([place, *theirs[0]]), return_index=True)
        cosine = np.concatenate([best.cosines[known].numpy(), *theirs[1]])[first]
        alike = cosine > 0
        place, cosine = place[alike], cosine[alike]
        links = self._kept(place // shape[1], place % shape[1], cosine, shape)
        none = scipy.sparse.csr_array((shape[0], shape[0]), dtype=np.float32)
        return Attachment(links, none)

    def tensors(self) -> dict[str, Tensor]:
        """Return the stored rows' features and thresholds."""
        own = {"features": self.features, "threshold": self.threshold}
        return own if self.lists is None else own | self.lists.tensors()

    def _kept(
        self, row: np.ndarray, column: np.ndarray, cosine: np.ndarray, shape: tuple[int, int]
    ) -> scipy.sparse.csr_array:
        """Return the weights of the links of new rows, the strongest where there are too many."""
        most = _MOST_LINKS * self.builder.k
        starts = np.searchsorted(row, np.arange(shape[0] + 1))
        if np.diff(starts).max(initial=0) > most:
            best = np.lexsort((column, -cosine, row))  # row by row, the most alike first
            kept = np.sort(best[np.arange(len(row)) - starts[row] < most])
            row, column, cosine = row[kept], column[kept], cosine[kept]
            starts = np.searchsorted(row, np.arange(shape[0] + 1))
        return scipy.sparse.csr_array((self.builder._weights(cosine), column, starts), shape=shape)
