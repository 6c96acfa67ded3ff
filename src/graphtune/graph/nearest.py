"""The rows that are most like each row, by cosine: all pairs of few rows, some lists of many.

Source: the inverted file of Jégou et al., IEEE TPAMI 33(1), 2011, doi:10.1109/TPAMI.2010.57, section IV, with
spherical k-means (Dhillon & Modha, Machine Learning 42, 2001).
Differs from the papers: nothing is quantised; the rows of one list are asked together, of the lists nearest
to theirs; how many lists are searched follows from a recall that is measured on a sample.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from graphtune.processor import fast_bfloat16

_BLOCK_ENTRIES = 4_000_000  # cosines held at once, 16 MB
_GROUP = 64  # columns whose largest stands for them until it is known which matter
_NARROW_FROM = 20_000  # rows; bfloat16, where it is fast, then finds those that float32 chooses from
_CANDIDATES = 2  # for each neighbour that is chosen from them
_LISTS_FROM = 100_000  # rows; below, comparing all pairs costs less
_ROWS_A_CENTROID = 50  # that k-means sees
_ROUNDS = 6  # of k-means
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
    computes in bfloat16 finds 2 k candidates in it; cosines are always those of float32.
    Cost: O(N² F) time; from 100,000 rows on about O(N^1.5 F), and a few neighbours in a hundred are missed.
    """
    known = _searched.get(features)
    if known is not None and known.cosines.shape[1] >= k:
        return known
    count = features.shape[0]
    lists = Lists.of(features, k) if count >= _LISTS_FROM else None
    cosines = torch.full((count, k), _ITSELF)
    columns = torch.zeros((count, k), dtype=torch.int64)
    narrow = lists is None and count >= _NARROW_FROM and fast_bfloat16(features.device)
    compared = features.bfloat16() if narrow else features
    for rows, among, likeness in blocks(compared, compared, lists):
        if among is None:
            likeness[torch.arange(len(rows)), rows] = _ITSELF
        else:
            likeness[among.unsqueeze(0) == rows.unsqueeze(1)] = _ITSELF
        most = min(k, likeness.shape[1])
        if narrow:
            values, places = _chosen(features, rows, largest(likeness, _CANDIDATES * most)[1], most)
        else:
            values, places = largest(likeness, most)
        cosines[rows, :most] = values
        columns[rows, :most] = places if among is None else among[places]
    _searched[features] = Nearest(cosines, columns, lists)
    return _searched[features]


def blocks(
    rows: Float[Tensor, "M F"], stored: Float[Tensor, "N F"], lists: "Lists | None"
) -> Iterator[tuple[Int64[Tensor, " B"], Int64[Tensor, " S"] | None, Float[Tensor, "B S"]]]:
    """Yield the cosines of some rows to the stored ones that may be near: all (None), or those named.

    The next block may overwrite them. Graphs that attach the same few rows share one product.
    """
    if lists is not None:
        yield from lists.blocks(rows, stored)
        return
    step = max(1, _BLOCK_ENTRIES // max(1, stored.shape[0]))
    if rows is not stored and rows.shape[0] <= step:
        known = _compared.get(rows)
        if known is None or known[0] is not stored:
            known = _compared[rows] = (stored, rows @ stored.T)
        yield torch.arange(len(rows)), None, known[1]
        return
    held = rows.new_empty(min(step, rows.shape[0]), stored.shape[0])
    for start in range(0, rows.shape[0], step):
        part = rows[start : start + step]
        cosines = torch.mm(part, stored.T, out=held[: len(part)])
        yield torch.arange(start, start + len(part)), None, cosines


def _chosen(
    features: Tensor, rows: Int64[Tensor, " B"], candidates: Int64[Tensor, "B C"], k: int
) -> tuple[Float32[Tensor, "B K"], Int64[Tensor, "B K"]]:
    cosines = torch.bmm(features[candidates], features[rows].unsqueeze(-1)).squeeze(-1)
    best = cosines.topk(k, dim=1)
    return best.values, candidates.gather(1, best.indices)


def largest(values: Float[Tensor, "B S"], k: int) -> tuple[Float[Tensor, "B K"], Int64[Tensor, "B K"]]:
    """Return what ``values.topk(k)`` does; quicker on long rows.

    The k largest lie in the k groups whose maxima are largest: only those are looked at one by one.
    """
    rows, width = values.shape
    whole = width - width % _GROUP
    if whole <= 2 * k * _GROUP:
        found = values.topk(k, dim=1)
        return found.values, found.indices
    grouped = values[:, :whole].reshape(rows, -1, _GROUP)
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
    """Rows by the centroid they are most like. A row's neighbours are sought in the lists near its own."""

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
        self, rows: Float32[Tensor, "M F"], stored: Float32[Tensor, "N F"]
    ) -> Iterator[tuple[Int64[Tensor, " B"], Int64[Tensor, " S"], Float32[Tensor, "B S"]]]:
        """Yield some rows' numbers, those of the stored rows in the lists near theirs, and the cosines."""
        own = self.lists if rows is stored else _closest(rows, self.centroids)
        order = torch.argsort(own, stable=True)
        start = 0
        for asked, count in zip(*torch.unique_consecutive(own[order], return_counts=True), strict=True):
            mine = order[start : start + int(count)]
            start += int(count)
            among = self._among(int(asked))
            if not len(among):
                continue
            near = stored.index_select(0, among)
            for part in mine.split(max(1, _BLOCK_ENTRIES // len(among))):
                yield part, among, rows.index_select(0, part) @ near.T

    def tensors(self) -> dict[str, Tensor]:
        """Return everything that `restored` needs."""
        probes, recall = torch.tensor(self.probes), torch.tensor(self.recall)
        return {"centroids": self.centroids, "lists": self.lists, "probes": probes, "recall": recall}

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor]) -> "Lists":
        """Return saved lists."""
        probes, recall = int(tensors["probes"]), float(tensors["recall"])
        return cls(tensors["centroids"], tensors["lists"], probes, recall)

    def _among(self, asked: int) -> Int64[Tensor, " S"]:
        """Return the rows in the lists nearest to one list, in order of their numbers."""
        near = self._ranked(torch.tensor([asked]))[0, : self.probes]
        order, starts = self._members
        found = [order[int(starts[one]) : int(starts[one + 1])] for one in near]
        return torch.cat(found).sort().values

    def _ranked(self, asked: Int64[Tensor, " B"]) -> Int64[Tensor, "B L"]:
        """Return all lists, those nearest to each of ``asked`` first, itself at the head."""
        likeness = self.centroids[asked] @ self.centroids.T
        likeness[torch.arange(len(asked)), asked] = 2.0  # above every cosine
        return likeness.argsort(dim=1, descending=True)

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
            place = torch.argsort(self._ranked(self.lists[part]), dim=1)
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


def _closest(rows: Tensor, centroids: Tensor) -> Int64[Tensor, " M"]:
    step = max(1, _BLOCK_ENTRIES // len(centroids))
    parts = [(part @ centroids.T).argmax(dim=1) for part in rows.split(step)]
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.int64)
