"""Repeated averaging over neighbours with a share of the start kept: personalised PageRank.

Source: APPNP, Gasteiger et al., ICLR 2019, arXiv:1810.05997, eq. 4 (and label spreading, Zhou et al. 2003).
Differs from the paper: new rows pass through the same hops, beside the stored rows' values after each.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float32, Float64
from torch import Tensor

from graphtune.errors import GraphError
from graphtune.graph.rows import Attachment
from graphtune.graph.sparse_rows import SparseRows
from graphtune.graph.text_graph import TextGraph

_KEPT_BYTES = 1 << 29  # of the values after all hops; of larger graphs they are worked out anew


@dataclass(frozen=True)
class Hops:
    """``h ← (1 − alpha) S h + alpha x``, ``count`` times, with ``S = D^-1/2 (A + I) D^-1/2``."""

    count: int = 2
    alpha: float = 0.3  # share of the start that every hop keeps

    def __post_init__(self) -> None:
        if self.count < 0 or not 0 <= self.alpha <= 1:
            raise GraphError(
                f"{self.count} hops that keep {self.alpha} of the start are not usable.",
                fix="use at least 0 hops and a share from 0 to 1.",
            )

    def states(self, graph: TextGraph, x: Float32[Tensor, "N F"]) -> Iterator[Float32[Tensor, "N F"]]:
        """Yield ``x`` and the values after each hop. Cost: O(count · E F) time, O(N F) memory."""
        spread = graph.with_loops().normalised().matrix
        state = x
        yield state
        for _ in range(self.count):
            state = (spread @ state).mul_(1 - self.alpha).add_(x, alpha=self.alpha)
            yield state

    def last(self, graph: TextGraph, x: Float32[Tensor, "N F"]) -> Float32[Tensor, "N F"]:
        """Return the values after the last hop only."""
        (state,) = deque(self.states(graph, x), maxlen=1)
        return state

    def attached(
        self, links: "AttachedLinks", states: Iterable[Float32[Tensor, "N F"]], x: Float32[Tensor, "M F"]
    ) -> Float32[Tensor, "M F"]:
        """Return the last values of new rows that start from ``x``; ``states`` are those of the stored rows.

        They are what the graph with the new rows in it would give: no stored row receives from a new one.
        """
        state = x
        for before in islice(states, self.count):
            received = (links.stored @ before).add_(links.among @ state)
            state = received.mul_(1 - self.alpha).add_(x, alpha=self.alpha)
        return state


@dataclass(eq=False)
class Trail:
    """The stored rows' values after each hop, kept once they are asked for again.

    A fit attaches rows once, and has better uses for the memory; a model that serves does so all the time.
    """

    _asked: bool = False
    _kept: list[Tensor] = field(default_factory=list, repr=False)

    def states(
        self, hops: Hops, graph: TextGraph, x: Float32[Tensor, "N F"]
    ) -> Iterable[Float32[Tensor, "N F"]]:
        """Return what `Hops.states` yields; always for the same arguments."""
        large = hops.count * x.numel() * x.element_size() > _KEPT_BYTES
        if not self._kept and self._asked and not large:
            self._kept.extend(hops.states(graph, x))
        self._asked = True
        return self._kept or hops.states(graph, x)

    @property
    def size(self) -> int:
        """Bytes of what is kept."""
        return sum(state.nbytes for state in self._kept)


@dataclass(frozen=True, eq=False)
class AttachedLinks:
    """An attachment normalised as `Hops` normalises the graph, loops of the new rows included."""

    stored: SparseRows  # [M, N]
    among: SparseRows  # [M, M]

    @classmethod
    def of(cls, graph: TextGraph, attachment: Attachment) -> "AttachedLinks":
        """Normalise ``attachment`` to ``graph``."""
        stored, among = attachment.stored, attachment.among
        if among.nnz:
            loops = scipy.sparse.diags_array((among.diagonal() == 0).astype(np.float32), format="csr")
            among = scipy.sparse.csr_array(among + loops)
        else:  # as a rule; adding matrices would take longer than all else
            own = np.arange(len(among.indptr), dtype=np.int32)
            ones = np.ones(len(own) - 1, dtype=np.float32)
            among = scipy.sparse.csr_array((ones, own[:-1], own), shape=among.shape)
        received = _sums(stored) + _sums(among)
        ours = torch.from_numpy((1.0 / np.sqrt(received)).astype(np.float32))
        theirs = graph.with_loops().degree.clamp_min(1e-30).rsqrt()
        return cls(_scaled(stored, ours, theirs), _scaled(among, ours, ours))


def _sums(matrix: scipy.sparse.csr_array) -> Float64[np.ndarray, " M"]:
    rows = np.repeat(np.arange(len(matrix.indptr) - 1), np.diff(matrix.indptr))
    return np.bincount(rows, weights=matrix.data, minlength=len(matrix.indptr) - 1).astype(np.float64)


def _scaled(matrix: scipy.sparse.csr_array, rows: Tensor, columns: Tensor) -> SparseRows:
    crow = torch.from_numpy(matrix.indptr.astype(np.int32))
    col = torch.from_numpy(matrix.indices.astype(np.int32))
    values = torch.from_numpy(matrix.data.astype(np.float32))
    row = torch.repeat_interleave(torch.arange(len(rows)), crow.diff())
    return SparseRows(crow, col, values * rows[row] * columns[col], len(columns))
