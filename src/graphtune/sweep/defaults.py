"""The settings that `fit` tries by itself: a search begins with them, so that it finds nothing worse."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from graphtune.select import Candidate, NamedGraph, Smoothed, grid, means
from graphtune.select.features import DenseView, View
from graphtune.select.outcome import Family
from graphtune.select.standing import Standing
from graphtune.sweep.space import Setting, Space, told


@dataclass(frozen=True, eq=False)
class Defaults:
    """The grid of `fit`, as far as a space holds it."""

    space: Space
    graphs: tuple[NamedGraph, ...]  # that `fit` uses, under the names that a search gives them
    views: frozenset[View]  # that can be read

    def next(self, ended: Collection[Candidate], standing: Standing) -> Setting | None:
        """Return the first setting that is not among those that have ``ended``; None = all have.

        Networks, and the smoothing of the best probe, are known only when the linear settings have ended.
        """
        for stage in (self._linear, self._further):
            for candidate in stage(standing):
                setting = self._setting(told(candidate))
                if setting.candidate not in ended:
                    return setting
        return None

    def count(self, *, few: bool) -> int:
        """Return about how many settings these are: what comes after the linear ones is not known before."""
        linear = sum(map(self.space.holds, self._grid(few=few)))
        networks = len(grid.networks(*self._place(None), few=few)) if "network" in self.space.kinds else 0
        smoothed = 3 * len(self.graphs) if not few and "probe" in self.space.kinds else 0
        return linear + networks + smoothed

    def _grid(self, *, few: bool) -> list[Candidate]:
        linear = grid.propagated(self.graphs, few=few, views=self.views)
        return [*grid.probes(few=few, views=self.views), *linear]

    def _linear(self, standing: Standing) -> Sequence[Candidate]:
        worth = means.worth_reading(standing, self._grid(few=standing.few), self.graphs)
        return [one for one in worth if self.space.holds(one)]

    def _further(self, standing: Standing) -> Sequence[Candidate]:
        few, free = standing.few, self._best(standing, "graph-free")
        found = [] if few or free is None else grid.smoothed(free, self.graphs)
        found += grid.networks(*self._place(self._best(standing, "graph")), few=few)
        return [one for one in found if self.space.holds(one)]

    def _place(self, best: Candidate | None) -> tuple[str, DenseView]:
        """Return the graph and view that served the linear settings best."""
        if best is None:
            return self.graphs[0].name, self.graphs[0].view
        base = best.base if isinstance(best, Smoothed) else best
        view = getattr(base, "view", "meaning")
        return min(best.graphs), view if view in self.space.views else "meaning"

    def _best(self, standing: Standing, family: Family) -> Candidate | None:
        """Return the best linear setting of `fit`; drawn ones do not change what `fit` would go on with."""
        own = [standing.tried[one] for one in self._linear(standing) if one in standing.tried]
        able = [tried for tried in own if tried.candidate.family == family]
        best = max(able, key=standing.merit, default=None)
        return None if best is None else best.candidate

    def _setting(self, candidate: Candidate) -> Setting:
        return Setting(candidate, next((one for one in self.graphs if one.name in candidate.graphs), None))
