"""A comparison in plain sentences."""

from collections.abc import Iterator, Mapping, Sequence

from graphtune.compare.judge import BASELINE, WITH, complete
from graphtune.compare.result import GraphGain, Row, count_said, key
from graphtune.report.wording import duration, percent, points

_SURE = 0.05  # p-value below which a difference is taken to be real


def verdict(
    rows: Sequence[Sequence[Row]],
    gains: Sequence[GraphGain],
    best_baseline: Sequence[str],
    labelled: Mapping[str, int],
) -> tuple[str, ...]:
    """Return one sentence on the graph, then some on the methods of each label count.

    ``rows`` and ``best_baseline`` are those of one label count after the other; ``labelled`` are the labelled
    rows of each.
    """
    said = [_graph(gains, labelled)] if gains else []
    for own, baseline in zip(rows, best_baseline, strict=True):
        run = [row for row in own if row.accuracy is not None]
        if run:
            said += _methods(run, baseline, count_said(run[0].labels, labelled[key(run[0].labels)]))
    return tuple(said)


def _graph(gains: Sequence[GraphGain], labelled: Mapping[str, int]) -> str:
    parts = [_gain(gain, count_said(gain.labels, labelled[key(gain.labels)])) for gain in gains]
    text = parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f", and {parts[-1]}"
    return f"The graph {text}."


def _gain(gain: GraphGain, labels: str) -> str:
    interval, with_ = gain.points, f"with {labels}"
    half = (interval.high - interval.low) / 2
    compared = f"{percent(gain.with_graph)} against {percent(gain.without)} without"
    if interval.low > 0:
        return f"helps by {interval.value:.1f} ± {half:.1f} points {with_} ({compared})"
    if interval.high < 0:
        return f"hurts by {-interval.value:.1f} ± {half:.1f} points {with_} ({compared})"
    if interval.low == interval.high == 0:
        return f"does not help at all {with_}: fit leaves it out ({percent(gain.without)})"
    return f"makes no sure difference {with_}: {points(interval.value)} ± {half:.1f} points ({compared})"


def _methods(rows: Sequence[Row], baseline: str, labels: str) -> Iterator[str]:
    ranked, where = complete(rows), f"With {labels}"
    by_accuracy = sorted(ranked, key=lambda row: -row.share)
    best = by_accuracy[0]
    line = f"{where}, {best.method} is the most accurate: {percent(best.share)}"
    if best.train_seconds is not None:
        line += f" after {duration(best.train_seconds)} of training"
    held = next((row for row in rows if row.method == baseline), None)
    if best.difference is not None and held is not None:
        # The test asks of other rows, the interval of other labels too: both must say so.
        sure = best.p_value is not None and best.p_value < _SURE and best.difference.low > 0
        how = "surely better than" if sure else "not surely better than"
        line += f", {how} the best baseline, {baseline} ({percent(held.share)})"
    yield line + "."
    if len(ranked) < len(rows):
        named = ", ".join(row.method for row in rows if row not in ranked)
        yield f"{where}, not every seed was run of {named}: they are not ranked."
    # What overlaps with the best at less than half its time is what most people want to know.
    near = [row for row in by_accuracy[1:] if _near(row, best) and _faster(row, best)]
    if near:
        cheap = min(near, key=lambda row: row.train_seconds or 0.0)
        yield (
            f"{where}, {cheap.method} comes within its margin of error ({percent(cheap.share)}) in "
            f"{duration(cheap.train_seconds)}."
        )
    ours = next((row for row in ranked if row.method == WITH), None)
    beyond = [row for row in by_accuracy if ours and row.family == "peer" and row.share > ours.share]
    if beyond and ours is not None:
        named = ", ".join(f"{row.method} ({percent(row.share)})" for row in beyond)
        yield f"{where}, these are better than graphtune ({percent(ours.share)}): {named}."
    if best.family == BASELINE:
        yield f"{where}, no method was better than a baseline."


def _near(row: Row, best: Row) -> bool:
    return best.accuracy is not None and row.share >= best.accuracy.low


def _faster(row: Row, best: Row) -> bool:
    return row.train_seconds is not None and row.train_seconds < (best.train_seconds or 0.0) / 2
