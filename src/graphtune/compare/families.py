"""The methods that are compared, by family, cheapest first.

What stands in a package's ``ALL`` is compared without being named here: every kind that a candidate's field
can take (layers, strategies, and whatever else plans can name) makes a family of that package's name, with
every kind but those that say not (``compared``). Every candidate that says what it is compared as
(``compared_as``) makes or joins that family, once for each kind of the field it names (``compared_by``), and
under its own name unless it says not (``compared_itself``).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_args, get_origin, get_type_hints

from graphtune import select
from graphtune.compare.method import Method
from graphtune.encoder import Transformer, from_name
from graphtune.graph import GraphBuilder, Hops
from graphtune.plan import KINDS, Plan
from graphtune.select import Candidate, Majority, Nearest, Network, Probe, Propagated, Smoothed
from graphtune.select.features import DenseView, views_there
from graphtune.select.graphs import usual

_LOGISTIC = (1.0, 10.0, 100.0)  # scikit-learn's C
_HINGE = (0.1, 0.3, 1.0, 3.0)
_NEIGHBOURS = (1, 5, 15)
_SPREAD = Hops(10, 0.1)  # as far as labels reach by themselves

# Networks that are compared unless others are asked for.
_USUAL_LAYERS = ("gcn", "sage")


@dataclass(frozen=True)
class Offer:
    """What the table and the encoder make possible."""

    encoder: str
    links: bool
    nodes: int

    @property
    def graph(self) -> tuple[str, DenseView]:
        """Name and view of the graph that single methods read."""
        views = views_there(from_name(self.encoder), self.nodes, blocks=False)
        named = usual(links=self.links, views=views, nodes=self.nodes)
        wanted = "links + likeness" if self.links else "meaning"
        return wanted, next(one.view for one in named if one.name == wanted)


def families(offer: Offer) -> Mapping[str, tuple[Method, ...]]:
    """Return every family that has a method, cheapest first."""
    graph, view = offer.graph
    found: dict[str, list[Method]] = {}
    for family, name, candidates in (*_baselines(graph), *_linear(graph, view)):
        found.setdefault(family, []).append(Method(name, family, _only(offer, *candidates)))
    whole = Plan(encoder=offer.encoder)
    tunable = isinstance(from_name(offer.encoder), Transformer)
    ours = (("graphtune-no-graph", replace(whole, up_to="graph-free")), ("graphtune", whole))
    found["graphtune"] = [Method(name, "graphtune", plan) for name, plan in ours]
    found["class-names"] = [Method("graphtune-no-names", "class-names", replace(whole, class_names=False))]
    if tunable:
        found["encoder"] = [Method("graphtune-tuned", "encoder", replace(whole, tune=True))]
    for family, name, candidate in (*_variants(graph, view), *_others(graph, transformer=tunable)):
        taken = {method.name for members in found.values() for method in members}
        own = f"{name}-{family}" if name in taken else name
        found.setdefault(family, []).append(Method(own, family, _only(offer, candidate)))
    return {family: tuple(methods) for family, methods in found.items()}


def usual_methods(offer: Offer) -> tuple[Method, ...]:
    """Return the methods that are compared where none are named."""
    every = families(offer)
    layers = [method for method in every["layer"] if method.name in _USUAL_LAYERS]
    return (*every["baseline"], *every["graph"], *every["graphtune"], *layers)


def _only(offer: Offer, *candidates: Candidate) -> Plan:
    return Plan(encoder=offer.encoder, candidates=candidates, exactly=True)


def _baselines(graph: str) -> Iterator[tuple[str, str, tuple[Candidate, ...]]]:
    yield "baseline", "majority", (Majority(),)
    yield "baseline", "label-propagation", (Smoothed(Majority(), graph, _SPREAD),)
    yield "baseline", "embeddings-knn", tuple(Nearest("meaning", k) for k in _NEIGHBOURS)
    yield "baseline", "embeddings-lr", tuple(Probe("meaning", strength) for strength in _LOGISTIC)
    yield (
        "baseline",
        "tfidf-svm",
        tuple(Probe("words", strength, "squared hinge") for strength in _HINGE),
    )
    yield "baseline", "tfidf-lr", tuple(Probe("words", strength) for strength in _LOGISTIC)


def _linear(graph: str, view: DenseView) -> Iterator[tuple[str, str, tuple[Candidate, ...]]]:
    base = Propagated(view, graph)
    yield "graph", "correct-and-smooth", (Smoothed(Probe("meaning"), graph, Hops(5, 0.5), 1.0),)
    yield "graph", "propagated", (base,)
    yield "graph", "propagated-smoothed", (Smoothed(base, graph),)


def _variants(graph: str, view: DenseView) -> Iterator[tuple[str, str, Candidate]]:
    """Change one field of the usual network at a time, through everything its type can be."""
    base = Network(view=view, graph=graph)
    for field in fields(Network):
        for kind, changed in _changed(base, field.name):
            yield field.name, _kebab(kind.__name__), changed


def _others(graph: str, *, transformer: bool) -> Iterator[tuple[str, str, Candidate]]:
    for kind in select.ALL:
        family, varied = getattr(kind, "compared_as", None), getattr(kind, "compared_by", None)
        if family is None or (getattr(kind, "of_transformers", False) and not transformer):
            continue
        make: Any = kind
        named = {field.name for field in fields(make)}
        usual_one = make(**({"graph": graph} if "graph" in named else {}))
        base = make.over(graph) if hasattr(kind, "over") else usual_one
        itself = getattr(kind, "compared_itself", True)
        if itself:
            yield family, _kebab(kind.__name__), base
        for other, changed in _changed(base, varied) if varied else ():
            if changed != base or not itself:
                yield family, _kebab(other.__name__), changed


def _changed(base: Any, field: str) -> Iterator[tuple[type, Any]]:
    """Yield each kind that a field's type can be, and ``base`` with it; none where plans can name none."""
    protocol, as_class = _protocol(get_type_hints(type(base))[field])
    for kind in () if protocol is None else KINDS[protocol]:
        if not getattr(kind, "compared", True):
            continue
        own = getattr(base, field)
        # The usual one's own settings are better founded than a kind's bare defaults.
        value = kind if as_class else own if type(own) is kind else kind()
        yield kind, replace(base, **{field: value})


def _protocol(hint: Any) -> tuple[type | None, bool]:
    """Return the protocol a field's values keep, and whether they are classes rather than objects."""
    as_class = get_origin(hint) is type
    inner = get_args(hint)[0] if as_class else hint
    able = isinstance(inner, type) and inner in KINDS and inner not in (Candidate, GraphBuilder)
    return (inner, as_class) if able else (None, as_class)


def _kebab(name: str) -> str:
    """Return ``LinearProbe`` as ``linear-probe``, ``MLPInit`` as ``mlp-init``, and ``GATv2`` as ``gatv2``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])|(?<=[A-Z])(?=[A-Z][a-z]{2})", "-", name).lower()
