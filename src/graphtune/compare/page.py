"""The report of a comparison as one HTML file: nothing is loaded, nothing runs."""

from importlib.metadata import version
from typing import Any

from graphtune.compare import plots, shown
from graphtune.compare.result import Comparison, key
from graphtune.compare.shown import heading, heading_of
from graphtune.report import wording
from graphtune.report.page import environment

_CURVES = 6  # methods in the plot over labels


def html(found: Comparison) -> str:
    """Return the page. Every text of the user's is escaped."""
    palette = plots.Palette.of(found)
    return (
        environment("graphtune.compare")
        .get_template("comparison.html")
        .render(
            found=found,
            heading=heading(found),
            version=version("graphtune"),
            words=wording,
            shown=shown,
            families=[(family, palette(family)) for family in palette.families],
            parts=[_part(found, count, palette) for count in found.counts],
            curves=plots.curves(found, palette, _best_few(found)),
        )
    )


def _part(found: Comparison, count: int | None, palette: plots.Palette) -> dict[str, Any]:
    rows = found.of(count)
    run = [row for row in rows if row.accuracy is not None]
    best = found.best_baseline.get(key(count), "")
    return {
        "said": heading_of(found, count),
        "rows": rows,
        "best": best,
        "intervals": plots.intervals(run, palette, best) if run else "",
        "scatter": plots.scatter(run, palette) if run else "",
        "homophily": [one for one in found.homophily if one.labels == count],
    }


def _best_few(found: Comparison) -> list[str]:
    """Return ours, the best baseline of each count, and what is most accurate on the mean beside."""
    sums: dict[str, float] = {}
    for row in found.table:
        sums[row.method] = sums.get(row.method, 0.0) + row.share
    first = [name for name in ("graphtune", "graphtune-no-graph") if name in sums]
    named = [*first, *dict.fromkeys(name for name in found.best_baseline.values() if name)]
    rest = sorted(sums, key=lambda name: -sums[name])
    return list(dict.fromkeys([*named, *rest]))[:_CURVES]
