"""Which modules of an encoder learn, and how.

Source: Lee, Tang & Lin, 2019, arXiv:1911.03090, section 3 (a contiguous top); Zhang et al., ICLR 2023,
arXiv:2303.10512 (a rank for each matrix).
Differs from the papers: what is chosen follows from scores and a budget, before anything is trained.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from graphtune.errors import PlanError
from graphtune.structure.located import unknown
from graphtune.structure.model_graph import ModelGraph, ModuleNode
from graphtune.structure.plans.budget import Budget, Unit
from graphtune.structure.plans.growing import Ceiling, Item, grown
from graphtune.structure.plans.tuning_cost import TuningCost

_UPDATED = (
    "query",
    "key",
    "value",
    "attention",
    "attention output",
    "feed-forward in",
    "feed-forward gate",
    "feed-forward out",
)


@dataclass(frozen=True)
class ModuleTuning:
    """How one module learns.

    Raises:
        PlanError: a value is out of its range.
    """

    name: str
    rank: int = 0  # of a low-rank update beside it; 0 = its own weights learn
    rate: float | None = None  # AdamW step size; None = as the strategy says

    def __post_init__(self) -> None:
        if self.rank < 0:
            raise PlanError(f"{self.name}: rank = {self.rank} is no rank.", fix="use 0 or more.")
        if self.rate is not None and not self.rate > 0:
            raise PlanError(f"{self.name}: rate = {self.rate:g} learns nothing.", fix="use more than 0.")


@dataclass(frozen=True)
class TuningPlan:
    """The modules that learn beside the head: those named, or all of the topmost blocks.

    Costs are told as `TuningCost` counts them.

    Raises:
        PlanError: both are given, a module is named twice, or ``top`` is negative.
    """

    modules: tuple[ModuleTuning, ...] = ()
    top: int = 0  # blocks from the top, all of whose weights learn

    def __post_init__(self) -> None:
        if self.top < 0:
            raise PlanError(f"top = {self.top} is no number of blocks.", fix="use 0 or more.")
        if self.top and self.modules:
            raise PlanError("A tuning plan has both modules and top.", fix="leave one of them out.")
        names = [one.name for one in self.modules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise PlanError(f"The plan names {twice[0]} twice.", fix="name every module once.")

    def blocks(self, graph: ModelGraph) -> int:
        """Return how many top blocks may not be frozen: what is below them can be cached.

        One more than there are where what is before the first block learns too.

        Raises:
            PlanError: there is no module of a name.
        """
        lowest = min((node.block for node in self._nodes(graph)), default=graph.depth + 1)
        return graph.depth + 1 - lowest

    def cost(self, graph: ModelGraph, unit: Unit) -> float:
        """Return what it costs, in FLOPs for seconds.

        Raises:
            PlanError: there is no module of a name.
        """
        cost, nodes = TuningCost(graph, unit), self._nodes(graph)
        rank = {one.name: one.rank for one in self.modules}
        own = sum(
            cost.update(node) * rank[node.name] if rank.get(node.name) else cost.whole(node) for node in nodes
        )
        return own + (cost.reaching(min(node.block for node in nodes)) if nodes else 0.0)

    def _nodes(self, graph: ModelGraph) -> list[ModuleNode]:
        if self.top:
            return _behind(graph, self.top)
        missing = [one.name for one in self.modules if one.name not in graph.positions]
        if missing:
            raise unknown(missing[0], graph.positions)
        return [graph.nodes[graph.positions[one.name]] for one in self.modules]


def planned_tuning(
    graph: ModelGraph,
    scores: Sequence[float],
    budget: Budget,
    *,
    contiguous: bool = False,
    within: Budget | None = None,
) -> TuningPlan:
    """Choose the modules that learn: one after the other, the highest score for its cost first.

    One that does not fit is passed over, so that a larger budget may choose others. What has no score above 0
    is never chosen; the head learns in any case, and costs nothing here.

    Args:
        graph: of the encoder.
        scores: a number a node; NaN = unknown.
        budget: of parameters that learn, bytes of their gradients and moments, FLOPs or seconds of a step.
        contiguous: choose a number of top blocks instead, so that what is below can be cached: the number
            whose positive scores add up highest. A larger budget then never chooses fewer.
        within: a second budget, in another unit, that is kept as well: few parameters may reach far down,
            and then save little time.

    Raises:
        PlanError: nothing that has a score above 0 fits.
    """
    cost = TuningCost(graph, budget.unit)
    limit = budget.limit(cost.all())
    if contiguous:
        return TuningPlan(top=_best_top(graph, scores, budget, within))
    items = {
        node.name: Item(score, cost.whole(node), node.block, most=1, per_cost=True)
        for node, score in zip(graph.nodes, scores, strict=True)
        if node.kind != "head" and node.parameters
    }
    counts = grown(items, cost, limit, _ceiling(graph, within, items, TuningCost.whole))
    if not counts:
        raise _nothing(budget, min((item.step for item in items.values()), default=0.0), within)
    return TuningPlan(tuple(ModuleTuning(n.name) for n in graph.nodes if n.name in counts))


def planned_updates(
    graph: ModelGraph,
    scores: Sequence[float],
    budget: Budget,
    *,
    most: int = 32,
    within: Budget | None = None,
) -> TuningPlan:
    """Choose the ranks of low-rank updates: each next one where the score is highest for the ranks it has.

    So ranks go with the scores, and equal scores have equal ranks; what they cost decides only whether one
    more fits.

    Args:
        graph: of the encoder.
        scores: a number a node; NaN = unknown.
        budget: as for `planned_tuning`; a share is one of what tuning all weights costs.
        most: highest rank.
        within: a second budget, as for `planned_tuning`.

    Raises:
        PlanError: ``most`` is below 1, or nothing that has a score above 0 fits.
    """
    if most < 1:
        raise PlanError(f"most = {most} is no rank.", fix="use 1 or more; 4 to 16 are usual.")
    cost = TuningCost(graph, budget.unit)
    items = {
        node.name: Item(score, cost.update(node), node.block, min(most, *node.shape), per_cost=False)
        for node, score in zip(graph.nodes, scores, strict=True)
        if node.kind in _UPDATED and len(node.shape) == 2
    }
    ceiling = _ceiling(graph, within, items, TuningCost.update)
    counts = grown(items, cost, budget.limit(cost.all()), ceiling)
    if not counts:
        raise _nothing(budget, min((item.step for item in items.values()), default=0.0), within)
    return TuningPlan(tuple(ModuleTuning(n.name, counts[n.name]) for n in graph.nodes if n.name in counts))


def _ceiling(
    graph: ModelGraph,
    within: Budget | None,
    items: Mapping[str, Item],
    step: Callable[[TuningCost, ModuleNode], float],
) -> Ceiling | None:
    if within is None:
        return None
    cost = TuningCost(graph, within.unit)
    steps = {node.name: step(cost, node) for node in graph.nodes if node.name in items}
    return Ceiling(cost, within.limit(cost.all()), steps)


def _best_top(graph: ModelGraph, scores: Sequence[float], budget: Budget, within: Budget | None) -> int:
    worth = {node.name: score for node, score in zip(graph.nodes, scores, strict=True) if score > 0}
    best, most = 0, 0.0
    limits = [(one, one.limit(TuningCost(graph, one.unit).all())) for one in (budget, within) if one]
    for top in range(1, graph.depth + 1):
        if any(TuningPlan(top=top).cost(graph, one.unit) > limit for one, limit in limits):
            break
        found = sum(worth.get(node.name, 0.0) for node in _behind(graph, top))
        if found > most:
            best, most = top, found
    if not best:
        raise _nothing(budget, TuningPlan(top=1).cost(graph, budget.unit), within)
    return best


def _behind(graph: ModelGraph, top: int) -> list[ModuleNode]:
    if top > graph.depth:
        raise PlanError(
            f"The plan tunes the top {top} blocks of {graph.depth}.", fix=f"use at most {graph.depth}."
        )
    lowest = graph.depth + 1 - top
    return [node for node in graph.nodes if node.block >= lowest and node.kind != "head"]


def _nothing(budget: Budget, least: float, within: Budget | None) -> PlanError:
    unit = "flops" if budget.unit == "seconds" else budget.unit
    both, other = (f" and {within}", ", more of the other budget") if within else ("", "")
    return PlanError(
        f"Nothing that is worth tuning fits in {budget}{both}.",
        fix=f"give more than {least:g} {unit}, which the least takes{other}, or scores of which some are "
        "above 0.",
    )
