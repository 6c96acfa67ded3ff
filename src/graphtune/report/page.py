"""The report as one HTML file: nothing is loaded, nothing runs."""

import math
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from graphtune.report import wording
from graphtune.report.axis import Axis

if TYPE_CHECKING:
    from jinja2 import Environment

    from graphtune.select import Outcome

_CANDIDATES_OPEN = 15
_CLASSES_OPEN = 15  # of more, the others are folded away
_CONFUSIONS = 12
_MATRIX = 12  # classes up to which the whole confusion matrix is shown


def html(outcome: "Outcome") -> str:
    """Return the page. Every text of the user's is escaped.

    Cost: O(C^2) for C classes.
    """
    template = environment().get_template("page.html")
    return template.render(
        outcome=outcome,
        version=version("graphtune"),
        words=wording,
        best=wording.chosen(outcome),
        candidates=_candidates(outcome),
        graphs=[_graph(graph) for graph in outcome.graphs],
        gain=_gain(outcome),
        classes=wording.worst_first(outcome),
        classes_open=_CLASSES_OPEN,
        confused=wording.confused(outcome, _CONFUSIONS),
        matrix=_matrix(outcome),
        stages=_stages(outcome),
    )


def environment(package: str = "graphtune.report") -> "Environment":
    """Return what renders the templates of a package, which may include those of this one."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=ChoiceLoader([PackageLoader(one, "") for one in dict.fromkeys((package, "graphtune.report"))]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _candidates(outcome: "Outcome") -> dict[str, Any]:
    ordered = wording.by_accuracy(outcome)
    measured = [one for one in ordered if wording.scored(one)]
    ends = [one.accuracy + sign * _error(one.standard_error) for one in measured for sign in (-1, 1)]
    axis = Axis.over(ends)
    free = [one.accuracy for one in measured if one.family == "graph-free"]
    rows = []
    for one in ordered:
        row: dict[str, Any] = {"scored": one, "chosen": one.name == outcome.chosen, "dot": None}
        if wording.scored(one):
            error = _error(one.standard_error)
            left, right = axis.at(one.accuracy - error), axis.at(one.accuracy + error)
            row |= {"dot": axis.at(one.accuracy), "left": left, "width": round(right - left, 2)}
        rows.append(row)
    families = [family for family in wording.FAMILIES if any(one.family == family for one in ordered)]
    opened = [
        row
        for at, row in enumerate(rows)
        if (at < _CANDIDATES_OPEN and row["dot"] is not None) or row["chosen"]
    ]
    return {
        "open": opened,
        "folded": [row for row in rows if row not in opened],
        "ticks": axis.ticks(),
        "free": axis.at(max(free)) if free else None,
        "families": [(family, wording.FAMILIES[family]) for family in families],
    }


def _error(value: float) -> float:
    return value if wording.known(value) else 0.0


def _graph(graph: Any) -> dict[str, Any]:
    homophily = round(100 * graph.homophily, 2) if wording.known(graph.homophily) else None
    expected = round(100 * graph.expected, 2) if wording.known(graph.expected) else None
    return {"graph": graph, "homophily": homophily, "expected": expected}


def _gain(outcome: "Outcome") -> dict[str, Any] | None:
    """Return the interval of the graph's gain on an axis around zero: of the test rows if there are any."""
    verdict = outcome.verdict
    three = outcome.test_gain or (verdict.gain, verdict.gain_low, verdict.gain_high)
    if not all(map(wording.known, three)):
        return None
    value, low, high = three
    # One tick is a point of accuracy, or more where the interval is wide.
    reach = max(1.0, 1.15 * max(abs(low), abs(high), abs(value)))
    place = {
        name: round(50 + 50 * x / reach, 2) for name, x in (("dot", value), ("low", low), ("high", high))
    }
    return {
        **place,
        "width": round(place["high"] - place["low"], 2),
        "value": wording.points(value),
        "interval": f"{wording.points(low)} to {wording.points(high)}",
        "where": "test texts" if outcome.test_gain is not None else "held-out texts",
    }


def _matrix(outcome: "Outcome") -> list[tuple[str, list[tuple[int, int, bool]]]] | None:
    """Return the confusion matrix by true class: rows, share of the true class in percent, whether right."""
    if outcome.confusion is None or not 2 <= len(outcome.confusion) <= _MATRIX:
        return None
    names = wording.confusion_names(outcome)
    return [
        (name, [(n, round(100 * n / max(sum(row), 1)), true == at) for at, n in enumerate(row)])
        for true, (name, row) in enumerate(zip(names, outcome.confusion, strict=True))
    ]


def _stages(outcome: "Outcome") -> dict[str, Any]:
    parts = {stage: spent for stage, spent in outcome.seconds.items() if stage != "total"}
    total = outcome.seconds.get("total", math.fsum(parts.values()))
    whole = max(sum(parts.values()), total, 1e-9)
    longest = max(parts.values(), default=0.0) or 1e-9
    rows = [
        (stage, wording.duration(spent), round(100 * spent / longest, 2), wording.percent(spent / whole, 0))
        for stage, spent in parts.items()
    ]
    return {"rows": rows, "total": wording.duration(total)}
