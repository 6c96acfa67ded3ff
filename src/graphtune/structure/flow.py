"""Following what modules put out to those that read it, one operation after another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

ADDITIONS: Final = frozenset(("aten::add", "aten::add_"))  # operations whose sum can go past modules


@dataclass(frozen=True)
class Trail:
    """Where the numbers of a tensor are from; runs of modules are counted in the order they begin."""

    direct: frozenset[int] = frozenset()  # runs whose output this is, or is part of
    skipped: frozenset[int] = frozenset()  # runs whose output was added past the modules of ``direct``
    past: int = 0  # bit i: it depends on run i


@dataclass
class Flow:
    """The runs of modules so far, and the edges between modules.

    A sum is residual where one of its terms was also read by the modules that made the other, and is as wide
    as what it is the output of (the places that MPNet adds to every block's scores are not). It is then known
    by the run that added to it last, with the one before as skipped: a stream of many sums has one direct and
    one skipped source at a time, not all that ever added to it.
    """

    runs: list[str] = field(default_factory=list)  # the module of each
    edges: dict[tuple[str, str], bool] = field(default_factory=dict)  # source and target: is it residual?
    _past: list[int] = field(default_factory=list)
    _widths: list[int] = field(default_factory=list)  # of the last axis of what each put out

    def begin(self, module: str) -> int:
        """Count a run of a module."""
        self.runs.append(module)
        self._past.append(0)
        self._widths.append(0)
        return len(self.runs) - 1

    def read(self, run: int, trail: Trail) -> None:
        """Let a run read a tensor."""
        self._past[run] |= trail.past
        for sources, residual in ((trail.direct, False), (trail.skipped, True)):
            for source in sources:
                ends = self.runs[source], self.runs[run]
                # What a module reads of itself, as weights that are used again do, is no edge.
                if ends[0] != ends[1]:
                    self.edges[ends] = self.edges.get(ends, True) and residual

    def output(self, run: int, width: int) -> Trail:
        """Return where a tensor is from that a run puts out, ``width`` on its last axis."""
        self._widths[run] = width
        return Trail(frozenset((run,)), past=self._past[run] | 1 << run)

    def added(self, trails: Sequence[Trail], width: int) -> Trail:
        """Return where the sum of two tensors is from; of one and a number, as `joined`."""
        if len(trails) != 2:
            return joined(trails)
        one, other = trails
        return joined((self._beside(one, other, width), self._beside(other, one, width)))

    def _beside(self, own: Trail, other: Trail, width: int) -> Trail:
        """Return ``own`` with what ``other`` was made of as skipped."""
        read = (run for run in own.direct if other.past >> run & 1 and run not in other.direct)
        passed = frozenset(run for run in read if self._widths[run] == width)
        if not passed:
            return own
        left = own.direct - passed
        # A stream that was added to anew is known by its last two runs.
        return Trail(left, (own.skipped if left else frozenset()) | passed, own.past)


def joined(trails: Iterable[Trail]) -> Trail:
    """Return where a tensor is from that was worked out of these, between modules."""
    own = list(dict.fromkeys(trails))
    if len(own) == 1:
        return own[0]
    direct = frozenset[int]().union(*(one.direct for one in own))
    skipped = frozenset[int]().union(*(one.skipped for one in own)) - direct
    past = 0
    for one in own:
        past |= one.past
    return Trail(direct, skipped, past)
