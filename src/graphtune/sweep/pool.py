"""What can be chosen at the end of a search: single candidates, and means of the best."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from graphtune.select import Candidate, NamedGraph
from graphtune.select.held_out import HeldOut
from graphtune.select.journal import Journal
from graphtune.select.means import averaged, groups, team
from graphtune.select.standing import Standing, Tried

_KEPT_BYTES = 1 << 28  # of held-out probabilities; of more, those of the best
_KEPT = 8  # candidates that are kept whatever they take
_BEST = 5  # candidates whose means are tried, the best two to all of them


@dataclass(eq=False)
class Pool:
    """Complete candidates with their held-out probabilities, in memory and on disk."""

    held_out: HeldOut
    few: bool
    journal: Journal
    standing: Standing = field(init=False)

    def __post_init__(self) -> None:
        self.standing = Standing(self.held_out, self.few, len(self.held_out.parts))

    @property
    def leader(self) -> Tried | None:
        """The best single candidate so far."""
        return max(self.standing.tried.values(), key=self.standing.merit, default=None)

    def restore(self, candidates: Iterable[Candidate]) -> None:
        """Take up those of ``candidates`` that an earlier run kept."""
        for candidate in candidates:
            kept = self.journal.find(repr(candidate))
            if kept is not None:
                self.standing.tried[candidate] = self.standing.judged(candidate, *kept)

    def add(self, tried: Tried) -> None:
        """Add a complete candidate; where there are too many for memory, the worst is let go."""
        tables = self.standing.tried
        tables[tried.candidate] = tried
        self.journal.keep(repr(tried.candidate), tried.probabilities, tried.seconds)
        while len(tables) > _KEPT and sum(t.probabilities.nbytes for t in tables.values()) > _KEPT_BYTES:
            worst = min(tables.values(), key=self.standing.merit)
            del tables[worst.candidate]
            self.journal.drop(repr(worst.candidate))

    def best(self, graphs: Iterable[NamedGraph], *, among: Iterable[Candidate] | None = None) -> Tried | None:
        """Return the best candidate or mean of some, ``among`` which; ``graphs`` are those `fit` uses."""
        chosen = set(self.standing.tried if among is None else among)
        part = Standing(self.held_out, self.few, self.standing.parts)
        part.tried = {one: tried for one, tried in self.standing.tried.items() if one in chosen}
        if not part.tried:
            return None
        order = [tried.candidate for tried in sorted(part.complete, key=part.merit, reverse=True)]
        members = [*groups(part), *(tuple(order[:count]) for count in range(2, 1 + min(_BEST, len(order))))]
        if self.few:
            every_graph = list(graphs)
            linked = [one.name for one in every_graph if one.has_links]
            members.append(team(part, linked or [one.name for one in every_graph]))
        every = [averaged(part, group) for group in dict.fromkeys(members) if len(group) > 1]
        return max([*part.tried.values(), *every], key=part.merit)
