"""What a search draws from: kinds of candidates, their settings, layers, strategies and graphs.

A new layer or strategy is drawn as soon as it stands in its package's ``ALL``.
"""

import inspect
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from graphtune import layer, strategy
from graphtune.graph import Hops
from graphtune.select import Candidate, NamedGraph, Network, Probe, Propagated, Smoothed, View
from graphtune.select.data import Data
from graphtune.select.extent import Extent
from graphtune.select.features import MANY_NODES, DenseView
from graphtune.select.linear import Loss
from graphtune.select.network import takes
from graphtune.strategy import Strategy
from graphtune.sweep.structure import Draw, Structure, rounded

Which = Literal["linear", "network", "all"]
Kind = Literal["probe", "propagated", "network"]

_KINDS: dict[Which, tuple[Kind, ...]] = {
    "linear": ("probe", "propagated"),
    "network": ("network",),
    "all": ("probe", "propagated", "network"),
}
# A linear SVM wants a weaker penalty than logistic regression: its range is its own.
_STRENGTHS: dict[str, tuple[float, float]] = {"logistic": (0.5, 500.0), "squared hinge": (0.03, 30.0)}
_LAYERS = {one.__name__: one for one in layer.ALL}
_STRATEGIES: dict[str, type[Strategy]] = {one.__name__: one for one in strategy.ALL}


@dataclass(frozen=True)
class Setting:
    """What one trial tries."""

    candidate: Candidate
    graph: NamedGraph | None  # the one it reads


@dataclass(frozen=True)
class Space:
    """Everything a trial can be."""

    kinds: tuple[Kind, ...]
    probes: tuple[Probe, ...]  # each of the usual strength
    views: tuple[DenseView, ...]
    structure: Structure

    @classmethod
    def of(cls, which: Which, data: Data, *, links: bool) -> "Space":
        """Return what these data allow; ``links``: there are some."""
        able, dense = data.features.maker.views, get_args(DenseView)
        many = len(data.labels) >= MANY_NODES
        views: tuple[DenseView, ...] = ("meaning",) if many else tuple(filter(able.__contains__, dense))
        extent = Extent.of(data)
        readable: tuple[View, ...] = tuple(filter(able.__contains__, get_args(View)))
        losses: tuple[Loss, ...] = ("logistic", "squared hinge")
        probes = [Probe(view, loss=loss) for view in readable for loss in losses]
        able = tuple(probe for probe in probes if extent.allows(probe))
        return cls(_KINDS[which], able, views, Structure(links, views))

    def drawn(self, trial: Draw) -> Setting:
        """Return what a trial tries."""
        kind = trial.suggest_categorical("kind", self.kinds)
        smoothed = trial.suggest_categorical(f"{kind}.smoothed", (False, True))
        graph = self.structure.drawn(trial) if smoothed or kind != "probe" else None
        over = "" if graph is None else graph.name
        match kind:
            case "probe":
                base = self._probe(trial)
            case "propagated":
                base = self._propagated(trial, over)
            case _:
                base = self._network(trial, over)
        return Setting(_smoothed(trial, base, over) if smoothed else base, graph)

    def parameters(self, setting: Setting) -> dict[str, Any]:
        """Return what `drawn` makes ``setting`` of."""
        candidate, kind = setting.candidate, self.kind(setting.candidate)
        smoothed = isinstance(candidate, Smoothed)
        base = candidate.base if isinstance(candidate, Smoothed) else candidate
        return {
            "kind": kind,
            f"{kind}.smoothed": smoothed,
            **_of_base(base),
            **(_of_smoothed(candidate) if isinstance(candidate, Smoothed) else {}),
            **({} if setting.graph is None else self.structure.parameters(setting.graph)),
        }

    def kind(self, candidate: Candidate) -> Kind:
        """Return the kind of a candidate, smoothed or not."""
        match candidate.base if isinstance(candidate, Smoothed) else candidate:
            case Probe():
                return "probe"
            case Propagated():
                return "propagated"
            case Network():
                return "network"
            case other:
                raise ValueError(f"{other} is not drawn")

    def holds(self, candidate: Candidate) -> bool:
        """Say whether a candidate of `fit`'s grid can be drawn here."""
        base = candidate.base if isinstance(candidate, Smoothed) else candidate
        if isinstance(base, Probe) and replace(base, strength=Probe.strength) not in self.probes:
            return False
        return self.kind(candidate) in self.kinds

    def _probe(self, trial: Draw) -> Probe:
        said = trial.suggest_categorical("probe.reads", tuple(map(_reads, self.probes)))
        probe = next(one for one in self.probes if _reads(one) == said)
        low, high = _STRENGTHS[probe.loss]
        strength = trial.suggest_float(f"probe.strength, {probe.loss}", low, high, log=True)
        return replace(probe, strength=rounded(strength))

    def _propagated(self, trial: Draw, over: str) -> Propagated:
        view = trial.suggest_categorical("propagated.view", self.views)
        hops = Hops(
            trial.suggest_int("propagated.hops", 1, 16),
            _share(trial.suggest_float("propagated.alpha", 0.05, 0.8, step=0.05)),
        )
        low, high = _STRENGTHS["logistic"]
        return Propagated(
            view, over, hops, rounded(trial.suggest_float("propagated.strength", low, high, log=True))
        )

    def _network(self, trial: Draw, over: str) -> Network:
        kind = _LAYERS[trial.suggest_categorical("network.layer", tuple(_LAYERS))]
        able = takes(kind)
        # Whole multiples of 16, so that any number of heads can share them.
        return Network(
            kind,
            trial.suggest_categorical("network.view", self.views),
            over,
            width=trial.suggest_int("network.width", 16, 256, step=16),
            depth=trial.suggest_int("network.depth", 1, 4),
            dropout=_share(trial.suggest_float("network.dropout", 0.0, 0.8, step=0.1)),
            strategy=_drawn_strategy(trial),
            heads=trial.suggest_categorical("network.heads", (1, 2, 4, 8, 16)) if "heads" in able else None,
            hops=trial.suggest_int("network.hops", 1, 10) if "hops" in able else None,
        )


def _drawn_strategy(trial: Draw) -> Strategy:
    cls = _STRATEGIES[trial.suggest_categorical("network.strategy", tuple(_STRATEGIES))]
    known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
    drawn: dict[str, Any] = {"rate": rounded(trial.suggest_float("network.rate", 3e-4, 0.1, log=True))}
    if "decay" in known:
        drawn["decay"] = rounded(trial.suggest_float("network.decay", 1e-5, 0.1, log=True))
    drawn["epochs"] = trial.suggest_int("network.epochs", 20, 200, step=20)
    return cls(**drawn)


def _smoothed(trial: Draw, base: Candidate, over: str) -> Smoothed:
    hops = Hops(
        trial.suggest_int("smoothed.hops", 1, 20),
        _share(trial.suggest_float("smoothed.alpha", 0.05, 0.9, step=0.05)),
    )
    # A quarter of a step at a time, so that no correction at all is drawn too.
    return Smoothed(base, over, hops, trial.suggest_float("smoothed.correct", 0.0, 1.5, step=0.25))


def _of_smoothed(candidate: Smoothed) -> dict[str, Any]:
    return {
        "smoothed.hops": candidate.hops.count,
        "smoothed.alpha": candidate.hops.alpha,
        "smoothed.correct": candidate.correct,
    }


def _of_base(candidate: Candidate) -> dict[str, Any]:
    match candidate:
        case Probe():
            return {"probe.reads": _reads(candidate), f"probe.strength, {candidate.loss}": candidate.strength}
        case Propagated():
            return {
                "propagated.view": candidate.view,
                "propagated.hops": candidate.hops.count,
                "propagated.alpha": candidate.hops.alpha,
                "propagated.strength": candidate.strength,
            }
        case Network():
            return _of_network(candidate)
        case _:
            raise ValueError(f"{candidate} is not drawn")


def _of_network(candidate: Network) -> dict[str, Any]:
    of_strategy = {
        f"network.{field.name}": getattr(candidate.strategy, field.name)
        for field in fields(candidate.strategy)  # type: ignore[arg-type]
        if field.name in ("rate", "decay", "epochs")
    }
    return {
        "network.layer": candidate.layer.__name__,
        "network.view": candidate.view,
        "network.width": candidate.width,
        "network.depth": candidate.depth,
        "network.dropout": candidate.dropout,
        "network.strategy": type(candidate.strategy).__name__,
        **of_strategy,
        **{f"network.{name}": value for name, value in candidate.settings.items()},
    }


def told(candidate: Candidate) -> Candidate:
    """Return ``candidate``, its network's layers told their own defaults: a trial tells them always."""
    match candidate:
        case Smoothed():
            return replace(candidate, base=told(candidate.base))
        case Network():
            signature = inspect.signature(candidate.layer).parameters
            return replace(candidate, **{name: signature[name].default for name in takes(candidate.layer)})
        case _:
            return candidate


def _reads(probe: Probe) -> str:
    return probe.view if probe.loss == "logistic" else f"{probe.view}, {probe.loss}"


def _share(value: float) -> float:
    # Steps of 0.05 are not exact in binary.
    return round(value, 2)
