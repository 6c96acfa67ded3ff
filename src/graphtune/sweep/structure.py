"""The structure of a graph as parameters of a trial, and back."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from graphtune.graph import Fuse, Given, GraphBuilder, Neighbours
from graphtune.select import NamedGraph
from graphtune.select.features import DenseView

Kind = Literal["likeness", "links", "fused"]


@runtime_checkable
class Draw(Protocol):
    """What a parameter's value is asked of: a trial of Optuna, running or fixed."""

    def suggest_categorical(self, name: str, choices: Any, /) -> Any:
        """Return one of the choices."""
        ...

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return a whole number from ``low`` to ``high``."""
        ...

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a number from ``low`` to ``high``."""
        ...


@dataclass(frozen=True)
class Structure:
    """Every graph that a trial can stand on: likeness, the table's links, or both fused."""

    links: bool  # whether the table has some
    views: tuple[DenseView, ...]  # that likeness can be measured in

    @property
    def beside_links(self) -> DenseView:
        """The view that goes with a graph of links alone, in which no likeness is measured."""
        return "even" if "even" in self.views else "meaning"

    def drawn(self, trial: Draw) -> NamedGraph:
        """Return the graph of a trial; its name tells every setting."""
        kind: Kind = (
            trial.suggest_categorical("graph", ("likeness", "links", "fused")) if self.links else "likeness"
        )
        if kind == "links":
            return named(Given(), self.beside_links)
        view = trial.suggest_categorical("graph.view", self.views)
        near = Neighbours(
            trial.suggest_int("graph.k", 5, 50, log=True),
            rounded(trial.suggest_float("graph.sharpness", 1.0, 8.0, log=True)),
        )
        if kind == "likeness":
            return named(near, view)
        weight = rounded(trial.suggest_float("graph.likeness_weight", 0.05, 4.0, log=True))
        return named(Fuse((Given(), near), (1.0, weight)), view)

    def parameters(self, graph: NamedGraph) -> dict[str, Any]:
        """Return what `drawn` makes ``graph`` of."""
        match graph.builder:
            case Given():
                return {"graph": "links"}
            case Fuse((Given(), Neighbours() as near), (_, weight)):
                return {"graph": "fused", **_likeness(near, graph.view), "graph.likeness_weight": weight}
            case Neighbours() as near:
                kind = {"graph": "likeness"} if self.links else {}
                return {**kind, **_likeness(near, graph.view)}
            case other:
                raise ValueError(f"{other} is not a graph that is drawn")


def named(builder: GraphBuilder, view: DenseView) -> NamedGraph:
    """Return a graph under a name that tells its settings."""
    match builder:
        case Given():
            name = "links"
        case Neighbours():
            name = f"{view} k={builder.k} ^{builder.sharpness:g}"
        case Fuse((Given(), Neighbours() as near), (_, weight)):
            name = f"links + {weight:g} × {view} k={near.k} ^{near.sharpness:g}"
        case other:
            raise ValueError(f"{other} is not a graph that is drawn")
    return NamedGraph(name, builder, view)


def rounded(value: float) -> float:
    """Return a value to three digits: a plan is read by people, and nothing depends on the fourth."""
    return float(f"{value:.3g}")


def _likeness(near: Neighbours, view: DenseView) -> dict[str, Any]:
    return {"graph.view": view, "graph.k": near.k, "graph.sharpness": near.sharpness}
