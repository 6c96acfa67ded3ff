"""What every candidate says that learns from another one, and predicts without it."""

from typing import Protocol, runtime_checkable

from graphtune.graph import Hops
from graphtune.select.candidate import Candidate
from graphtune.select.features import View
from graphtune.select.outcome import Family
from graphtune.select.propagated import Propagated
from graphtune.select.smoothed import Smoothed


@runtime_checkable
class Learns(Protocol):
    """The settings of such a candidate."""

    @property
    def usual(self) -> Candidate | None:
        """Its teacher; None: it has taught, and is not kept."""
        ...

    @property
    def own(self) -> View:
        """What it reads itself."""
        ...


class Pupil:
    """Inherited by such candidates."""

    @property
    def family(self: Learns) -> Family:
        """The teacher's: what it knows of a graph came from there."""
        return "graph-free" if self.usual is None else self.usual.family

    @property
    def graphs(self: Learns) -> frozenset[str]:
        """The teacher's."""
        return frozenset() if self.usual is None else self.usual.graphs

    @property
    def views(self) -> frozenset[View]:
        """None: stored rows are not looked at again."""
        return frozenset()

    @property
    def reads(self: Learns) -> frozenset[View]:
        """Its own view, and what the teacher reads."""
        return frozenset[View]({self.own}) | (frozenset() if self.usual is None else self.usual.reads)


def usual_teacher(teacher: Candidate | None, graph: str | None) -> Candidate | None:
    """Return the teacher, else propagated features of the graph, smoothed; None where there is neither."""
    if teacher is not None or graph is None:
        return teacher
    return Smoothed(Propagated("meaning", graph, Hops(6, 0.2)), graph)
