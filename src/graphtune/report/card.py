"""The model card: README.md of a saved model, in Markdown."""

import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from graphtune.report import wording
from graphtune.report.compression import Compression, compression_card

if TYPE_CHECKING:
    from graphtune.select import Outcome

_CLASSES_SHOWN = 100
_WORST_SHOWN = 10
_CANDIDATES_SHOWN = 10
# What begins markup wherever it stands, ends a cell of a table, or begins a block at the start of a line.
_MARKUP = re.compile(r"([\\`*_\[\]<>|~&$]|^[#+=-])")


def card(outcome: "Outcome", compression: Compression | None = None) -> str:
    """Return the card. Names of the user's are escaped: they are shown, never rendered.

    Figures are those before ``compression``, which has a part of its own.
    """
    parts = (
        _opening(outcome),
        _use(),
        _data(outcome),
        _figures(outcome),
        _comparison(outcome),
        [] if compression is None else compression_card(compression),
        _limits(outcome, holds=compression is None or not compression.graph_left),
        _notes(outcome),
    )
    return "\n".join(line for part in parts for line in part).rstrip("\n") + "\n"


def escaped(text: object) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(str(text).split()))


def _opening(outcome: "Outcome") -> list[str]:
    best = wording.chosen(outcome)
    how = f"; it {wording.FAMILIES[best.family]}" if best is not None else ""
    sure = wording.uncertainty(outcome)
    many = "one" if outcome.measure == "accuracy" else "any number"
    return [
        "# Text classifier",
        "",
        f"Gives a text {many} of {wording.counted(len(outcome.classes), 'class', 'classes')}. "
        f"Made by graphtune {version('graphtune')} with the encoder {escaped(outcome.encoder)}.",
        "",
        f"**{wording.headline(outcome)}.** {sure}",
        "",
        f"Saved: {escaped(outcome.chosen)}{how}.",
        "",
        f"**{wording.gain_title(outcome).rstrip('.')}.** {escaped(outcome.verdict.text)}",
        "",
        *([wording.gain_on_test(outcome), ""] if wording.gain_on_test(outcome) else []),
    ]


def _use() -> list[str]:
    return [
        "## How to use it",
        "",
        "On the command line, where `MODEL` is the folder of this file:",
        "",
        "```",
        "graphtune predict MODEL texts.csv --out labels.csv",
        "graphtune evaluate MODEL labelled.csv",
        "```",
        "",
        "In Python:",
        "",
        "```python",
        "from graphtune import TextClassifier",
        "",
        'model = TextClassifier.load("MODEL")',
        'model.predict(["a new text"])        # class names',
        'model.predict_proba(["a new text"])  # one column for each of model.classes_',
        'model.neighbours(["a new text"])     # the texts it was decided by',
        "```",
        "",
        "`report.html` shows more, `metrics.json` holds every figure, `manifest.json` the digest of every "
        "file.",
        "",
    ]


def _data(outcome: "Outcome") -> list[str]:
    shown = [f"`{_code(name)}`" for name in outcome.classes[:_CLASSES_SHOWN]]
    more = len(outcome.classes) - len(shown)
    counts = [(name, f"{count:,}") for name, count in wording.rows_lines(outcome)]
    return [
        "## Data and protocol",
        "",
        *_table(("rows", "count"), counts, numbers=(1,)),
        "",
        *(f"- {escaped(line)}" for line in wording.protocol_lines(outcome)),
        *(f"- Graph {escaped(one.name)}: {wording.graph_line(one)}." for one in outcome.graphs),
        "",
        f"Classes: {', '.join(shown)}" + (f" and {more:,} more." if more else "."),
        "",
    ]


def _figures(outcome: "Outcome") -> list[str]:
    if not wording.has_test(outcome):
        return []
    names = (
        "",
        outcome.measure,
        "95% interval",
        "macro-F1",
        "calibration error",
        "negative log-likelihood",
        "texts",
    )
    rows = [
        (
            name,
            wording.percent(one.accuracy),
            f"{wording.percent(one.accuracy_low)} to {wording.percent(one.accuracy_high)}",
            wording.percent(one.macro_f1),
            wording.percent(one.ece),
            wording.decimal(one.likelihood),
            f"{one.rows:,}",
        )
        for name, one in wording.figures_rows(outcome)
    ]
    worst = [
        (row.name, *map(wording.percent, (row.f1, row.precision, row.recall)), f"{row.support:,}")
        for row in wording.worst_first(outcome)[:_WORST_SHOWN]
    ]
    classes = ("class", "F1", "precision", "recall", "texts")
    return [
        "## Figures on the test rows",
        "",
        *_table(names, rows, numbers=range(1, 7)),
        "",
        wording.calibration_line(outcome),
        "",
        f"The hardest classes{' of all' if len(outcome.classes) > len(worst) else ''}:",
        "",
        *_table(classes, worst, numbers=range(1, 5)),
        "",
    ]


def _comparison(outcome: "Outcome") -> list[str]:
    candidates = wording.by_accuracy(outcome)
    rows = [
        (
            f"{one.name}{' (saved)' if one.name == outcome.chosen else ''}",
            one.family,
            wording.percent(one.accuracy) if wording.scored(one) else "not run",
            wording.decimal(100 * one.standard_error, 1) if wording.scored(one) else wording.NOTHING,
            wording.duration(one.seconds),
            one.note,
        )
        for at, one in enumerate(candidates)
        if at < _CANDIDATES_SHOWN or one.name == outcome.chosen
    ]
    more = len(candidates) - len(rows)
    names = ("candidate", "family", f"held-out {outcome.measure}", "standard error, points", "time", "note")
    return [
        "## What was compared",
        "",
        f"On held-out rows: {escaped(outcome.selection)}.",
        "",
        *_table(names, rows, numbers=(2, 3, 4)),
        *(["", f"{wording.counted(more, 'more candidate')} in `metrics.json`."] if more else []),
        "",
    ]


def _limits(outcome: "Outcome", *, holds: bool) -> list[str]:
    lines = [
        _answers(outcome),
        *wording.unknown_lines(outcome),
        "The figures hold for texts of the kind it was measured on. For others, run `graphtune evaluate` on "
        "a labelled sample.",
        "What the encoder learned from its own training texts, biases included, is still in it.",
    ]
    if not wording.has_test(outcome):
        lines.append("It was never measured on test rows.")
    if outcome.protocol == "transductive":
        lines.append("Its test texts were in the graph during training: new texts may do a little worse.")
    best = wording.chosen(outcome)
    if holds and (best is None or best.family != "graph-free"):
        lines.append(
            "The folder holds texts of the training table (the graph's nodes): share it as you would them."
        )
    return ["## Limits", "", *(f"- {line}" for line in lines), ""]


def _answers(outcome: "Outcome") -> str:
    if outcome.measure != "accuracy":
        return "It gives a text every label whose probability is above a threshold, which may be none."
    if outcome.unknown is not None:
        return (
            "It answers with one of the classes it was trained on, also for texts that belong to none, "
            "unless it is asked to tell these (`graphtune predict --unknown`)."
        )
    return (
        "It always answers with one of the classes it was trained on, also for texts that belong to none: "
        "look at the confidence."
    )


def _notes(outcome: "Outcome") -> list[str]:
    if not outcome.notes:
        return []
    return ["## Notes and warnings", "", *(f"- {escaped(note)}" for note in outcome.notes), ""]


def _table(names: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: Sequence[int]) -> list[str]:
    rule = ["---:" if at in numbers else "---" for at in range(len(names))]
    cells = [[escaped(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(line)} |" for line in ([*names], rule, *cells)]


def _code(name: str) -> str:
    # Inside a code span nothing is markup but the backtick itself, which no escape protects.
    return " ".join(name.split()).replace("`", "ˋ").replace("|", "ǀ")
