"""The rows that are most like each row, by cosine: all pairs of few rows, some lists of many.

Source: the inverted file of Jégou et al., IEEE TPAMI 33(1), 2011, doi:10.1109/TPAMI.2010.57, section IV, with
spherical k-means (Dhillon & Modha, Machine Learning 42, 2001).
Differs from the papers: nothing is quantised; the rows that search a list are compared with it together; how
many lists each row searches follows from a recall that is measured on a sample.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from graphtune.processor import fast_bfloat16

_BLOCK_ENTRIES = 4_000_000  # cosines held at once, 16 MB
_GROUP = 64  # columns whose largest stands for them until it is known which matter
NARROW_FROM = 20_000  # rows; bfloat16, where it is fast, then finds those that float32 chooses from
_CANDIDATES = 1.5  # for each neighbour that is chosen from them
LISTS_FROM = 100_000  # rows; below, comparing all pairs costs less
_ROWS_A_CENTROID = 50  # that k-means sees
_ROUNDS = 6  # of k-means
_ROWS_A_TIME = 262_144  # that search lists; it bounds the memory that knowing which takes
_WIDTHS, _HEIGHTS = 64, 512  # in steps of which lists, and rows that search them, are multiplied
_ROWS_CHOSEN = 1024  # whose candidates are compared in float32 together
_RECALL, _SAMPLED = 0.95, 500  # share of the true neighbours to be found, on so many rows
_ITSELF = -2.0  # below every cosine
_searched = WeakTensorKeyDictionary()  # features → what `nearest` found of them
_compared = WeakTensorKeyDictionary()  # features of a few new rows → the stored ones, and the cosines to them


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest other rows of each row, the nearest first."""

    cosines: Float32[Tensor, "N K"]
    columns: Int64[Tensor, "N K"]
    lists: "Lists | None"  # what was searched, where that was not everything


def nearest(features: Float32[Tensor, "N F"], k: int) -> Nearest:
    """Return at least the ``k`` < N nearest rows of each row (of L2 norm 1, or zeros).

    Graphs that differ in k or in their weights only share one search. From 20,000 rows on, hardware that
    computes in bfloat16 finds 1.5 k candidates in it; cosines are always those of float32.
    Cost: O(N² F) time; from 100,000 rows on about O(N^1.5 F), and a few neighbours in a hundred are missed.
    """
    known = _searched.get(features)
    if known is not None and known.cosines.shape[1] >= k:
        return known
    count = features.shape[0]
    lists = Lists.of(features, k) if count >= LISTS_FROM else None
    narrow = count >= NARROW_FROM and fast_bfloat16(features.device)
    compared = features.bfloat16() if narrow else features
    best = Best.of(count, min(math.ceil(_CANDIDATES * k) if narrow else k, count - 1))
    for block in blocks(compared, compared, lists, themselves=True):
        best.add(*block)
    if narrow:
        best = best.chosen(features, k)
    _searched[features] = Nearest(best.cosines, best.columns, lists)
    return _searched[features]


@dataclass(frozen=True, eq=False)
class Best:
    """The largest cosines of each row so far, the largest first, and where they are."""

    cosines: Float32[Tensor, "M K"]  # -2 where there are fewer
    columns: Int64[Tensor, "M K"]

    @classmethod
    def of(cls, count: int, k: int) -> "Best":
        """Return what is known before anything was compared."""
        return cls(torch.full((count, k), _ITSELF), torch.zeros((count, k), dtype=torch.int64))

    def add(
        self, rows: Int64[Tensor, " B"], among: Int64[Tensor, " S"] | None, cosines: Float[Tensor, "B S"]
    ) -> None:
        """Take in a block of `blocks`; a row may come again, with other columns."""
        if among is not None:
            # Most lists have nothing for most of the rows that search them.
            better = (cosines.amax(dim=1) > self.cosines[rows, -1]).nonzero().squeeze(1)
            if not len(better):
                return
            rows, cosines = rows[better], cosines[better]
        k = self.cosines.shape[1]
        values, places = largest(cosines, min(k, cosines.shape[1]))
        values, columns = values.float(), places if among is None else among[places]
        if among is None:
            self.cosines[rows], self.columns[rows] = values, columns
            return
        values = torch.cat([self.cosines[rows], values], dim=1)
        columns = torch.cat([self.columns[rows], columns], dim=1)
        found = values.topk(k, dim=1)
        self.cosines[rows], self.columns[rows] = found.values, columns.gather(1, found.indices)

    def chosen(self, features: Float32[Tensor, "N F"], k: int) -> "Best":
        """Return the ``k`` best of them by the cosines of ``features``."""
        result = Best.of(len(features), k)
        for rows in torch.arange(len(features)).split(_ROWS_CHOSEN):
            columns = self.columns[rows]
            cosines = torch.bmm(features[columns], features[rows].unsqueeze(-1)).squeeze(-1)
            found = cosines.masked_fill_(self.cosines[rows] == _ITSELF, _ITSELF).topk(k, dim=1)
            result.cosines[rows], result.columns[rows] = found.values, columns.gather(1, found.indices)
        return result


def blocks(
    rows: Float[Tensor, "M F"],
    stored: Float[Tensor, "N F"],
    lists: "Lists | None",
    *,
    themselves: bool = False,  # whether the rows are the stored ones
) -> Iterator[tuple[Int64[Tensor, " B"], Int64[Tensor, " S"] | None, Float[Tensor, "B S"]]]:
    """Yield the cosines of some rows to all stored ones (None), or to those named that may be near.

    With lists a row comes once for each that it searches. A stored row has -2 to itself.
    They are to be read only, and before the next block, which may overwrite them: graphs that attach the
    same few rows share one product.
    """
    if lists is not None:
        yield from lists.blocks(rows, stored, themselves=themselves)
        return
    step = max(1, _BLOCK_ENTRIES // max(1, stored.shape[0]))
    if not themselves and rows.shape[0] <= step:
        known = _compared.get(rows)
        if known is None or known[0] is not stored:
            known = _compared[rows] = (stored, rows @ stored.T)
        yield torch.arange(len(rows)), None, known[1]
        return
    held = rows.new_empty(min(step, rows.shape[0]), stored.shape[0])
    for start in range(0, rows.shape[0], step):
        part = rows[start : start + step]
        cosines = torch.mm(part, stored.T, out=held[: len(part)])
        if themselves:
            cosines.diagonal(start).fill_(_ITSELF)
        yield torch.arange(start, start + len(part)), None, cosines


def largest(values: Float[Tensor, "B S"], k: int) -> tuple[Float[Tensor, "B K"], Int64[Tensor, "B K"]]:
    """Return what ``values.topk(k)`` does; quicker on long rows.

    The k largest lie in the k groups whose maxima are largest: only those are looked at one by one.
    """
    rows, width = values.shape
    whole = width - width % _GROUP
    if whole <= 2 * k * _GROUP:
        found = values.topk(k, dim=1)
        return found.values, found.indices
    grouped = values[:, :whole].reshape(rows, whole // _GROUP, _GROUP)
    groups = grouped.amax(-1).topk(k, dim=1).indices
    chosen = torch.take_along_dim(grouped, groups.unsqueeze(-1), dim=1).flatten(1)
    place = (groups.unsqueeze(-1) * _GROUP + torch.arange(_GROUP)).flatten(1)
    if whole < width:
        rest = torch.arange(whole, width).expand(rows, -1)
        chosen, place = torch.cat([chosen, values[:, whole:]], 1), torch.cat([place, rest], 1)
    best = chosen.topk(k, dim=1)
    return best.values, place.gather(1, best.indices)


@dataclass(frozen=True, eq=False)
class Lists:
    """Rows by the centroid they are most like. A row's neighbours are sought in the lists it is most like."""

    centroids: Float32[Tensor, "L F"]
    lists: Int64[Tensor, " N"]  # of each stored row
    probes: int  # lists that are searched
    recall: float  # share of the true neighbours in them, on sampled rows

    @classmethod
    def of(cls, features: Float32[Tensor, "N F"], k: int) -> "Lists":
        """Divide ``features``; the same rows are always divided alike.

        Cost: O(N^1.5 F) time.
        """
        random = torch.Generator().manual_seed(0)
        count = features.shape[0]
        size = max(1, 2 * math.isqrt(count))
        centroids = _centroids(features, min(size, count), random)
        found = cls(centroids, _closest(features, centroids), 1, 1.0)
        probes, recall = found._measured(features, k, random)
        return cls(centroids, found.lists, probes, recall)

    def blocks(
        self, rows: Float[Tensor, "M F"], stored: Float[Tensor, "N F"], *, themselves: bool = False
    ) -> Iterator[tuple[Int64[Tensor, " B"], Int64[Tensor, " S"], Float[Tensor, "B S"]]]:
        """Yield, list by list, the rows that search it, the numbers of its own, and the cosines."""
        order, starts = self._members
        for some in torch.arange(len(rows)).split(_ROWS_A_TIME):
            asking, ends = self._asking(rows[some])
            for one in range(len(self.centroids)):
                among, mine = order[starts[one] : starts[one + 1]], some[asking[ends[one] : ends[one + 1]]]
                if not len(among) or not len(mine):
                    continue
                near = stored.index_select(0, _filled(among, _WIDTHS))
                for part in mine.split(max(1, _BLOCK_ENTRIES // len(among))):
                    cosines = rows.index_select(0, _filled(part, _HEIGHTS)) @ near.T
                    cosines = cosines[: len(part), : len(among)]
                    if themselves:
                        own = (self.lists[part] == one).nonzero().squeeze(1)
                        cosines[own, torch.searchsorted(among, part[own])] = _ITSELF
                    yield part, among, cosines

    def tensors(self) -> dict[str, Tensor]:
        """Return everything that `restored` needs."""
        probes, recall = torch.tensor(self.probes), torch.tensor(self.recall)
        return {"centroids": self.centroids, "lists": self.lists, "probes": probes, "recall": recall}

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor]) -> "Lists":
        """Return saved lists."""
        probes, recall = int(tensors["probes"]), float(tensors["recall"])
        return cls(tensors["centroids"], tensors["lists"], probes, recall)

    def _asking(self, rows: Float[Tensor, "B F"]) -> tuple[Int64[Tensor, " _"], Int64[Tensor, " _"]]:
        """Return the rows that search each list, list by list, and where each list's end."""
        parts = rows.split(max(1, _BLOCK_ENTRIES // len(self.centroids)))
        probed = torch.cat([self._likeness(part).topk(self.probes, dim=1).indices for part in parts])
        # Sorted by counting: a matrix that is turned.
        flat = probed.flatten().int().numpy()
        ends = np.arange(0, flat.size + 1, self.probes)
        ones = np.ones(flat.size, dtype=np.int8)
        turned = scipy.sparse.csr_array((ones, flat, ends), shape=(len(rows), len(self.centroids))).tocsc()
        return torch.from_numpy(turned.indices).long(), torch.from_numpy(turned.indptr).long()

    def _likeness(self, rows: Float[Tensor, "B F"]) -> Float[Tensor, "B L"]:
        """Return how like the centroids are; a row's own list is first, whatever is equal to it."""
        found = rows.to(self.centroids.dtype) @ self.centroids.T
        return found.scatter_(1, found.argmax(dim=1, keepdim=True), 2.0)  # above every cosine

    @cached_property
    def _members(self) -> tuple[Int64[Tensor, " N"], Int64[Tensor, " _"]]:
        sizes = torch.bincount(self.lists, minlength=len(self.centroids))
        return torch.argsort(self.lists, stable=True), torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])

    def _measured(self, features: Tensor, k: int, random: torch.Generator) -> tuple[int, float]:
        """Return how many lists must be searched for the wanted recall, and the recall they give."""
        sample = torch.randperm(len(features), generator=random)[:_SAMPLED]
        ranks = []
        for part in sample.split(max(1, _BLOCK_ENTRIES // len(features))):
            likeness = features[part] @ features.T
            likeness[torch.arange(len(part)), part] = _ITSELF
            truth = self.lists[largest(likeness, k)[1]]
            place = self._likeness(features[part]).argsort(dim=1, descending=True).argsort(dim=1)
            ranks.append(place.gather(1, truth).flatten())
        sorted_ranks = torch.cat(ranks).sort().values
        last = sorted_ranks[math.ceil(_RECALL * len(sorted_ranks)) - 1]
        return int(last) + 1, float((sorted_ranks <= last).float().mean())


def _centroids(features: Tensor, size: int, random: torch.Generator) -> Tensor:
    sample = features[torch.randperm(len(features), generator=random)[: size * _ROWS_A_CENTROID]]
    centroids = sample[:size].clone()
    for _ in range(_ROUNDS):
        lists = _closest(sample, centroids)
        sums = torch.zeros_like(centroids).index_add_(0, lists, sample)
        empty = torch.bincount(lists, minlength=size) == 0
        sums[empty] = sample[torch.randint(len(sample), (int(empty.sum()),), generator=random)]
        centroids = torch.nn.functional.normalize(sums, dim=1)
    return centroids


def _filled(numbers: Int64[Tensor, " B"], step: int) -> Int64[Tensor, " _"]:
    """Repeat the last number up to a multiple of ``step``, unless there are few.

    A product of a new shape has to be prepared, which takes longer than the product.
    """
    missing = -len(numbers) % step if len(numbers) > step else 0
    return torch.cat([numbers, numbers[-1:].expand(missing)])


def _closest(rows: Tensor, centroids: Tensor) -> Int64[Tensor, " M"]:
    step = max(1, _BLOCK_ENTRIES // len(centroids))
    parts = [(part @ centroids.T).argmax(dim=1) for part in rows.split(step)]
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.int64)
