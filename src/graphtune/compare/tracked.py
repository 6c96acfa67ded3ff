"""What trackers are told of a comparison."""

from pathlib import Path

import graphtune
from graphtune.compare.result import Comparison, Row, key
from graphtune.tracking import Guarded

_FIGURES = ("train_seconds", "peak_bytes", "learned", "parameters", "size_bytes", "latency_ms", "p_value")


def track_comparison(trackers: Guarded, found: Comparison, place: Path) -> None:
    """Tell a comparison whose files lie in ``place``: one run, and one nested in it for each row."""
    settings = {
        "encoder": found.encoder,
        "labels": ",".join(map(key, found.counts)),
        "seeds": str(len(found.seeds)),
        "limit_seconds": f"{found.limit_seconds:g}",
        "threads": str(found.threads),
    }
    tags = {
        "graphtune": graphtune.__version__,
        "protocol": found.protocol,
        "verdict": " ".join(found.verdict),
    }
    trackers.begin("compare", settings, tags)
    for gain in found.gains:
        figures = {"points": gain.points.value, "low": gain.points.low, "high": gain.points.high}
        trackers.figures({f"gain/{key(gain.labels)}/{name}": value for name, value in figures.items()})
    for row in found.table:
        _track_row(trackers, row)
    for name in ("results.json", "results.csv", "report.html"):
        trackers.file(place / name)
    trackers.end("finished")


def _track_row(trackers: Guarded, row: Row) -> None:
    labels = key(row.labels)
    trackers.begin(f"{row.method}, {labels}", {"method": row.method, "labels": labels}, _tags(row))
    intervals = {
        "accuracy": row.accuracy,
        "macro_f1": row.macro_f1,
        "ece": row.ece,
        "difference": row.difference,
    }
    for name, interval in intervals.items():
        if interval is not None:
            trackers.figures(
                {name: interval.value, f"{name}/low": interval.low, f"{name}/high": interval.high}
            )
    plain = {name: getattr(row, name) for name in _FIGURES}
    trackers.figures({name: float(value) for name, value in plain.items() if value is not None})
    trackers.end("finished" if row.accuracy is not None else "failed")


def _tags(row: Row) -> dict[str, str]:
    said = {"family": row.family, "on_front": "yes" if row.on_front else "no", "note": row.note}
    return {name: value for name, value in said.items() if value}
