"""What trackers are told of a fit."""

import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import graphtune
from graphtune import report
from graphtune.artefact import write_json
from graphtune.errors import OutputError
from graphtune.plan import Plan
from graphtune.progress import warn
from graphtune.run.outcome_json import outcome_to_json
from graphtune.select import Outcome, Scored
from graphtune.tracking import Guarded


def track_fit(trackers: Guarded, plan: Plan, outcome: Outcome) -> None:
    """Tell a fit that has ended well: settings, candidates, figures, time, and the report."""
    if not trackers.able:
        return
    trackers.begin("fit", settings_of(plan), {**tags_of(plan), **_found(outcome)})
    trackers.figures({f"seconds/{stage}": seconds for stage, seconds in outcome.seconds.items()})
    for name, found in (("test", outcome.test), ("test_graph_free", outcome.test_graph_free)):
        if found is not None:
            trackers.figures({f"{name}/{key}": float(value) for key, value in vars(found).items()})
    if outcome.test_gain is not None:
        names = ("test_gain/points", "test_gain/low", "test_gain/high")
        trackers.figures(dict(zip(names, outcome.test_gain, strict=True)))
    gain = outcome.verdict
    trackers.figures({"gain/points": gain.gain, "gain/low": gain.gain_low, "gain/high": gain.gain_high})
    for place, candidate in enumerate(outcome.candidates, 1):
        _track_candidate(trackers, candidate, place)
    try:
        _track_files(trackers, outcome)
    except (OSError, OutputError) as error:
        warn(f"the report was not tracked: {error}")
    trackers.end("finished")


def track_failure(trackers: Guarded, plan: Plan, error: BaseException) -> None:
    """Tell a fit that came to no model."""
    trackers.begin("fit", settings_of(plan), {**tags_of(plan), "error": str(error) or type(error).__name__})
    trackers.end("killed" if isinstance(error, KeyboardInterrupt) else "failed")


def settings_of(plan: Plan) -> dict[str, str]:
    """Return every setting of a plan by its path, such as ``graphs.0.builder.k``."""
    return dict(_flat(tomllib.loads(plan.to_text()), ""))


def _track_files(trackers: Guarded, outcome: Outcome) -> None:
    with tempfile.TemporaryDirectory() as folder:
        metrics, page = Path(folder) / "metrics.json", Path(folder) / "report.html"
        write_json(metrics, outcome_to_json(outcome))
        page.write_text(report.html(outcome), encoding="utf-8")
        trackers.file(metrics)
        trackers.file(page)


def _track_candidate(trackers: Guarded, candidate: Scored, place: int) -> None:
    tags = {"family": candidate.family, "note": candidate.note, "place": str(place)}
    trackers.begin(candidate.name, {}, tags)
    figures = {"accuracy": candidate.accuracy, "likelihood": candidate.likelihood}
    trackers.figures({f"held_out/{name}": figure for name, figure in figures.items()})
    trackers.figures({"seconds": candidate.seconds, "parts": float(candidate.folds)})
    trackers.end("finished")


def tags_of(plan: Plan) -> dict[str, str]:
    """Return what the figures of a run hold for."""
    protocol = "transductive" if plan.transductive else "inductive"
    return {"graphtune": graphtune.__version__, "protocol": protocol, "encoder": plan.encoder}


def _found(outcome: Outcome) -> dict[str, str]:
    helps = "yes" if outcome.verdict.graph_helps else "no"
    return {"chosen": outcome.chosen, "graph_helps": helps, "verdict": outcome.verdict.text}


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    inner = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )
    if not inner:
        yield path, str(value)
    for name, one in inner:
        yield from _flat(one, f"{path}.{name}" if path else str(name))
