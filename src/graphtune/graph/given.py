"""The user's own links as a graph: citations, replies, same author."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.errors import GraphError
from graphtune.graph.rows import Attachment, Rows
from graphtune.graph.text_graph import TextGraph
from graphtune.table import Links


@dataclass(frozen=True)
class GivenReport:
    """What became of each link."""

    links: int  # as given
    used: int  # different links in the graph; an undirected one counts once
    self_loops: int  # dropped: every layer adds its own
    duplicates: int  # merged into another, the larger weight being kept
    weightless: int  # dropped: weight 0
    outside: int  # left out: an end is not among the rows
    other_kinds: int  # left out: not of the kinds asked for
    isolated: int  # rows without any link

    def __str__(self) -> str:
        parts = {
            "self-loops dropped": self.self_loops,
            "duplicates merged": self.duplicates,
            "of weight 0 dropped": self.weightless,
            "with an end that is not among the rows left out": self.outside,
            "of other kinds left out": self.other_kinds,
        }
        told = [f"{self.used} of {self.links} links used"]
        told += [f"{count} {what}" for what, count in parts.items() if count]
        return "; ".join([*told, f"{self.isolated} rows without a link"])


@dataclass(frozen=True)
class Given:
    """The links that come with the rows.

    A link's target receives from its source; where links have no direction, both receive from each other,
    with the larger weight of the two. Links to ids that are not among the rows are left out and counted.
    """

    directed: bool | None = None  # None = as the links say
    kinds: tuple[str, ...] | None = None  # None = links of every kind

    def build(self, rows: Rows) -> "GivenGraph":
        """Build the graph over ``rows``; none of its links may be usable, then every node is isolated.

        Raises:
            GraphError: there are no links, a weight is negative or not finite, or no link is of a kind that
                was asked for.
        """
        if rows.links is None:
            raise GraphError(
                "A graph of given links was asked for, but no links were given.",
                fix="give a file of links (--edges FILE), or choose another graph.",
            )
        directed = rows.links.directed if self.directed is None else self.directed
        self._check_kinds(rows.links)
        ends = _Ends.of(rows.links, self.kinds)
        source, target = ends.among(rows.ids)
        outside = (source < 0) | (target < 0)
        loops = ~outside & (source == target)
        weightless = ~outside & ~loops & (ends.weight == 0)
        kept = ~(outside | loops | weightless)
        source, target, weight = source[kept], target[kept], ends.weight[kept]
        nodes = len(rows)
        if not directed:
            source, target = np.minimum(source, target), np.maximum(source, target)
        target, source, weight = _largest(target, source, weight, nodes)
        linked = np.zeros(nodes, dtype=bool)
        linked[source] = linked[target] = True
        report = GivenReport(
            links=len(rows.links),
            used=source.size,
            self_loops=int(loops.sum()),
            duplicates=int(kept.sum()) - source.size,
            weightless=int(weightless.sum()),
            outside=int(outside.sum()),
            other_kinds=len(rows.links) - ends.weight.size,
            isolated=nodes - int(linked.sum()),
        )
        if not directed:
            source, target = np.concatenate([source, target]), np.concatenate([target, source])
            weight = np.concatenate([weight, weight])
        matrix = scipy.sparse.coo_array((weight, (target, source)), shape=(nodes, nodes))
        return GivenGraph(TextGraph.from_scipy(matrix), tuple(rows.ids), directed, self.kinds, report)

    def restored(self, graph: TextGraph, ids: Sequence[str], tensors: Mapping[str, Tensor]) -> "GivenGraph":
        """Return what `build` gave, from its saved graph, ids and tensors."""
        return GivenGraph(graph, tuple(ids), bool(tensors["directed"].item()), self.kinds, None)

    def _check_kinds(self, links: Links) -> None:
        if self.kinds is None:
            return
        there = sorted(set(links.kind or ()))
        missing = [kind for kind in self.kinds if kind not in there]
        if not missing:
            return
        near = get_close_matches(missing[0], there, n=1) or there[:10]
        raise GraphError(
            f"No link is of kind {missing[0]!r}.",
            fix=f"use {' or '.join(map(repr, near))}." if there else "give links with a column of kinds.",
        )


@dataclass(frozen=True, eq=False)
class GivenGraph:
    """The graph, and the ids by which links of new rows find its nodes."""

    graph: TextGraph
    ids: tuple[str, ...]
    directed: bool
    kinds: tuple[str, ...] | None
    report: GivenReport | None  # None for a graph that was loaded

    def attach(self, rows: Rows) -> Attachment:
        """Connect new rows by their links, to stored nodes and among each other.

        Where a new row has the id of a stored node, the stored one sends and the new one receives.

        Raises:
            GraphError: a weight is negative or not finite.
        """
        stored, new = len(self.ids), len(rows)
        if rows.links is None or not new:
            nothing = scipy.sparse.csr_array((new, stored + new), dtype=np.float32)
            return Attachment(nothing[:, :stored], nothing[:, stored:])
        ends = _Ends.of(rows.links, self.kinds)
        as_new, as_stored = ends.among(rows.ids), ends.among(self.ids)
        # One column for each possible sender: the stored nodes, then the new rows.
        sender = [
            np.where(s >= 0, s, np.where(n >= 0, n + stored, -1))
            for n, s in zip(as_new, as_stored, strict=True)
        ]
        receiver, column, weight = as_new[1], sender[0], ends.weight
        different = (as_new[0] != as_new[1]) | (as_stored[0] != as_stored[1])
        if not self.directed:
            receiver, column = np.concatenate([receiver, as_new[0]]), np.concatenate([column, sender[1]])
            weight, different = np.concatenate([weight, weight]), np.concatenate([different, different])
        kept = (receiver >= 0) & (column >= 0) & (weight > 0) & different
        receiver, column, weight = _largest(receiver[kept], column[kept], weight[kept], stored + new)
        matrix = scipy.sparse.csr_array((weight, (receiver, column)), shape=(new, stored + new))
        return Attachment(matrix[:, :stored], matrix[:, stored:])

    def tensors(self) -> dict[str, Tensor]:
        """Return whether links are directed; the ids are saved with the rows."""
        return {"directed": torch.tensor([self.directed])}


@dataclass(frozen=True, eq=False)
class _Ends:
    """The links of the wanted kinds, column by column."""

    source: pa.Array
    target: pa.Array
    weight: Float32[np.ndarray, " E"]

    @classmethod
    def of(cls, links: Links, kinds: tuple[str, ...] | None) -> "_Ends":
        source, target = pa.array(links.source, pa.string()), pa.array(links.target, pa.string())
        weight = np.ones(len(links), np.float32) if links.weight is None else links.weight
        wrong = np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))
        if wrong.size:
            first = int(wrong[0])
            raise GraphError(
                f"The link {links.source[first]} → {links.target[first]} has weight {weight[first]}"
                f"{f', and {wrong.size - 1} more are like it' if wrong.size > 1 else ''}.",
                fix="give every link a finite weight of 0 or more.",
            )
        if kinds is not None:
            wanted = np.isin(np.array(links.kind or [""] * len(links), dtype=object), kinds)
            chosen = pa.array(wanted)
            source, target, weight = source.filter(chosen), target.filter(chosen), weight[wanted]
        return cls(source, target, weight)

    def among(self, ids: Sequence[str]) -> tuple[Int64[np.ndarray, " E"], Int64[np.ndarray, " E"]]:
        """Return the place of each source and each target among ``ids``; -1 = not there."""
        known = pa.array(ids, pa.string())
        options = pc.SetLookupOptions(value_set=known)
        places = (pc.call_function("index_in", [end], options) for end in (self.source, self.target))
        source, target = (p.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) for p in places)
        return source, target


def _largest(
    row: Int64[np.ndarray, " E"],
    column: Int64[np.ndarray, " E"],
    weight: Float32[np.ndarray, " E"],
    columns: int,
) -> tuple[Int64[np.ndarray, " G"], Int64[np.ndarray, " G"], Float32[np.ndarray, " G"]]:
    """Return each (row, column) once, with the largest of its weights."""
    key = row * columns + column
    order = np.lexsort((weight, key))
    last = np.flatnonzero(np.diff(key[order], append=-1))
    chosen = order[last]
    return row[chosen], column[chosen], weight[chosen]
