"""The one adjacency format: compressed sparse rows, transpose and normalisations cached on it."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from graphtune.errors import GraphError
from graphtune.graph.sparse_rows import SparseRows


@dataclass(frozen=True, eq=False)
class TextGraph:
    """Row ``i`` lists the edges whose messages node ``i`` receives: ``col`` are their sources.

    Edges are unique and sorted by (row, column). The first ``texts`` nodes are texts, the rest words.
    A graph is never changed: every method returns a new one, and what is derived from it is cached.
    """

    crow: Int64[Tensor, " _"]  # N + 1 long
    col: Int64[Tensor, " E"]
    weight: Float[Tensor, " E"]
    texts: int
    # Set on a part of a larger graph, whose nodes keep the degrees they have in the whole.
    whole_degree: Float[Tensor, " N"] | None = field(default=None, repr=False)

    @classmethod
    def from_edges(
        cls,
        source: Int64[Tensor, " E"],
        target: Int64[Tensor, " E"],
        weight: Float[Tensor, " E"] | None = None,
        *,
        nodes: int,
        texts: int | None = None,
    ) -> "TextGraph":
        """Build from an edge list; the weights of duplicate edges are added up.

        Raises:
            GraphError: an end of an edge is not in ``0 … nodes - 1``, or a weight is not finite.
        """
        if weight is None:
            weight = torch.ones(source.numel())
        if source.numel() and not (
            0 <= int(torch.minimum(source, target).min()) <= int(torch.maximum(source, target).max()) < nodes
        ):
            raise GraphError(f"An edge end lies outside 0 … {nodes - 1}.", fix="number the nodes from 0.")
        if not bool(torch.isfinite(weight).all()):
            raise GraphError("An edge weight is not finite.", fix="give every edge a finite weight.")
        matrix = scipy.sparse.coo_array(
            (weight.numpy(), (target.numpy(), source.numpy())), shape=(nodes, nodes)
        )
        return cls.from_scipy(matrix, texts=nodes if texts is None else texts)

    @classmethod
    def from_scipy(cls, matrix: scipy.sparse.sparray, *, texts: int | None = None) -> "TextGraph":
        """Build from a square SciPy matrix whose row ``i`` holds what node ``i`` receives."""
        csr = scipy.sparse.csr_array(matrix)
        csr.sum_duplicates()
        csr.sort_indices()
        weight = csr.data if csr.data.dtype == np.float64 else csr.data.astype(np.float32, copy=False)
        return cls(
            torch.from_numpy(csr.indptr.astype(np.int64)),
            torch.from_numpy(csr.indices.astype(np.int64)),
            torch.from_numpy(np.ascontiguousarray(weight)),
            csr.indptr.size - 1 if texts is None else texts,
        )

    @classmethod
    def empty(cls, nodes: int, *, texts: int | None = None) -> "TextGraph":
        """Build a graph of ``nodes`` isolated nodes."""
        none = torch.zeros(0, dtype=torch.int64)
        return cls.from_edges(none, none, nodes=nodes, texts=texts)

    @property
    def nodes(self) -> int:
        """The number of nodes, words included."""
        return self.crow.numel() - 1

    @property
    def edges(self) -> int:
        """The number of directed edges; an undirected link counts twice."""
        return self.col.numel()

    @property
    def source(self) -> Int64[Tensor, " E"]:
        """The node that sends along each edge."""
        return self.col

    @cached_property
    def target(self) -> Int64[Tensor, " E"]:
        """The node that receives along each edge."""
        nodes = torch.arange(self.nodes, device=self.crow.device)
        return torch.repeat_interleave(nodes, self.crow.diff())

    @cached_property
    def degree(self) -> Float[Tensor, " N"]:
        """The sum of the weights each node receives."""
        if self.whole_degree is not None:
            return self.whole_degree
        return self.weight.new_zeros(self.nodes).index_add_(0, self.target, self.weight)

    @cached_property
    def loops(self) -> Int64[Tensor, " N"]:
        """Where each node's edge to itself stands; where it has none, the end of its row."""
        at = self.crow[1:].clone()
        found = (self.source == self.target).nonzero().flatten()
        at[self.col[found]] = found
        return at

    @cached_property
    def transpose(self) -> "TextGraph":
        """The graph with every edge turned round."""
        return TextGraph.from_scipy(self.scipy().T, texts=self.texts).to(self.weight.device)

    @cached_property
    def transposed_order(self) -> Int64[Tensor, " E"]:
        """Where each edge of `transpose` stands in this graph."""
        return torch.argsort(self.col, stable=True)

    @cached_property
    def matrix(self) -> SparseRows:
        """The adjacency as it is multiplied."""
        return SparseRows(self.crow.int(), self.col.int(), self.weight, self.nodes)

    def scipy(self) -> scipy.sparse.csr_array:
        """Return the adjacency as a SciPy matrix; it shares this graph's memory where it can."""
        data = (self.weight.detach().cpu().numpy(), self.col.cpu().numpy(), self.crow.cpu().numpy())
        return scipy.sparse.csr_array(data, shape=(self.nodes, self.nodes))

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> "TextGraph":
        """Return the graph on a device, its weights in a floating-point type."""
        weight = self.weight.to(device=device, dtype=dtype)
        if weight is self.weight:
            return self
        degree = None if self.whole_degree is None else self.whole_degree.to(device=device, dtype=dtype)
        return TextGraph(self.crow.to(device), self.col.to(device), weight, self.texts, degree)

    def with_loops(self) -> "TextGraph":
        """Give every node an edge of weight 1 to itself, unless it has one already.

        A loop that is there keeps its weight: PyG's ``add_remaining_self_loops``.
        """
        return self._looped

    def normalised(self, kind: Literal["symmetric", "row"] = "symmetric") -> "TextGraph":
        """Return ``D^-1/2 A D^-1/2`` (symmetric) or ``D^-1 A`` (row); D holds what each node receives.

        A node of degree 0 keeps weight 0 rather than infinity.
        """
        return self._symmetric if kind == "symmetric" else self._row

    def part(self, rows: Int64[Tensor, " M"]) -> "TextGraph":
        """Return the graph among ``rows`` (unique); their degrees stay those of the whole graph."""
        inside = self.scipy()[rows.numpy()][:, rows.numpy()]
        part = TextGraph.from_scipy(inside, texts=int((rows < self.texts).sum()))
        return replace(part, whole_degree=self.degree[rows])

    def reach(self, rows: Int64[Tensor, " M"], hops: int) -> Int64[Tensor, " N"]:
        """Return, sorted, ``rows`` and every node whose message arrives there within ``hops`` hops."""
        adjacency = self.scipy()
        reached = np.zeros(self.nodes, dtype=bool)
        fresh = rows.numpy()
        reached[fresh] = True
        for _ in range(hops):
            near = np.unique(adjacency[fresh].indices)
            fresh = near[~reached[near]]
            if not fresh.size:
                break
            reached[fresh] = True
        return torch.from_numpy(np.flatnonzero(reached))

    @cached_property
    def _looped(self) -> "TextGraph":
        # By concatenation: a sum of SciPy matrices would drop the edges whose weight is 0.
        device = self.weight.device
        missing = torch.ones(self.nodes, dtype=torch.bool, device=device)
        missing[self.target[self.source == self.target]] = False
        fresh = missing.nonzero().flatten()
        weight = torch.cat([self.weight, self.weight.new_ones(fresh.numel())]).detach().cpu().numpy()
        ends = [torch.cat([end, fresh]).cpu().numpy() for end in (self.target, self.source)]
        matrix = scipy.sparse.coo_array((weight, ends), shape=(self.nodes, self.nodes))
        looped = TextGraph.from_scipy(matrix, texts=self.texts).to(device)
        if self.whole_degree is None:
            return looped
        return replace(looped, whole_degree=self.whole_degree + missing.to(self.whole_degree.dtype))

    @cached_property
    def _symmetric(self) -> "TextGraph":
        scale = torch.where(self.degree > 0, self.degree.clamp_min(1e-30).rsqrt(), 0.0)
        return replace(self, weight=scale[self.target] * self.weight * scale[self.source])

    @cached_property
    def _row(self) -> "TextGraph":
        scale = torch.where(self.degree > 0, self.degree.clamp_min(1e-30).reciprocal(), 0.0)
        return replace(self, weight=scale[self.target] * self.weight)
