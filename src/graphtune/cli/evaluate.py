"""``graphtune evaluate``: how good a saved model is on labelled rows."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from graphtune.cli.arguments import IdColumn, LabelColumn, TextColumn

if TYPE_CHECKING:
    import numpy as np
    from rich.console import Console

    from graphtune.cli.unknown import Unknown
    from graphtune.metric import Interval
    from graphtune.run.fitted import FittedModel
    from graphtune.select.outcome import UnknownFigures
    from graphtune.table import Table

Part = Literal["test", "val", "train", "all"]


@dataclass(frozen=True)
class Evaluation:
    """What was measured; rates are 0 … 1."""

    rows: int
    skipped: int  # rows without a label
    accuracy: "Interval"
    macro_f1: "Interval"
    ece: "Interval"
    per_class: tuple[dict[str, Any], ...]
    unseen: dict[str, int]  # labels that training never saw, with their rows
    measure: str = "accuracy"  # what the field of that name holds
    unknown: "UnknownFigures | None" = None  # of telling rows of no class, where that was asked for


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Folder that fit has written.")],
    table: Annotated[str, typer.Argument(metavar="TABLE", help="Labelled rows; - is standard input.")],
    text: TextColumn = None,
    label: LabelColumn = None,
    id_: IdColumn = None,
    edges: Annotated[
        str | None, typer.Option(metavar="FILE", help="Links of these rows, to each other and to old ones.")
    ] = None,
    rows: Annotated[
        Part | None,
        typer.Option(
            metavar="test|val|train|all",
            help="Rows to judge.",
            show_default="test where the table has such rows, else all",
        ),
    ] = None,
    unknown: Annotated[
        bool,
        typer.Option(
            "--unknown",
            help="Take labels that training never saw for texts of no class; judge how they are told.",
        ),
    ] = False,
    out: Annotated[str | None, typer.Option(metavar="FILE.json", help="Write the figures there too.")] = None,
) -> None:
    """Print accuracy, macro-F1 and calibration error with 95% intervals, and every class by itself.

    Rows without a label are skipped. Labels that training never saw count as errors; with --unknown, such
    rows are right if they are told to be of no class, and others are wrong then.
    """
    from rich.console import Console

    from graphtune.artefact import write_json
    from graphtune.cli.place import check_json
    from graphtune.cli.rows import read_edges, read_rows, say_notes
    from graphtune.cli.unknown import unknown_of
    from graphtune.run.outcome_json import without_nan
    from graphtune.run.saved import load

    check_json(out)
    fitted = load(Path(model))
    column = fitted.outcome.text_column
    separator = fitted.plan.separator
    given = read_rows(
        table, purpose="evaluate", remembered=column, text=text, label=label, id_=id_, separator=separator
    )
    say_notes(given)
    links = read_edges(edges, given, fitted)
    chosen, skipped = _chosen(given, rows, table)
    texts, ids = ([column[at] for at in chosen] for column in (given.texts, given.ids))
    labels = [given.classes[given.labels[at]] for at in chosen]
    if fitted.several and given.marks is not None:
        if unknown:
            unknown_of(fitted, None)  # which says that it cannot
        probabilities = fitted.probabilities(texts, ids=ids, links=links)
        found = judged_each(probabilities, given.marks[chosen], given.classes, fitted, skipped)
    elif unknown:
        told = unknown_of(fitted, None)
        probabilities, scores = fitted.judged(texts, ids=ids, links=links)
        found = judged(probabilities, labels, fitted.classes, skipped, scores=scores, unknown=told)
    else:
        probabilities = fitted.probabilities(texts, ids=ids, links=links)
        found = judged(probabilities, labels, fitted.classes, skipped)
    _print(found, Console(highlight=False, soft_wrap=True))
    if out is not None:
        write_json(Path(out), without_nan(asdict(found)))


def _chosen(table: "Table", part: Part | None, source: str) -> "tuple[list[int], int]":
    """Return the labelled rows of the part that is judged, and how many of it have no label."""
    from graphtune.errors import TableError
    from graphtune.progress import say

    if part is None:
        part = "test" if "test" in table.split else "all"
        if part == "test" and set(table.split) != {"test"}:
            say("note: judged on the rows whose split is test; --rows all takes every row.")
    within = [at for at in range(len(table)) if part in ("all", table.split[at])]
    chosen = [at for at in within if table.labels[at] >= 0]
    if not chosen:
        name = "standard input" if source == "-" else source
        raise TableError(
            f"{name}: none of its {len(within):,} {part} rows has a label.",
            fix="label some rows, or choose others with --rows.",
        )
    skipped = len(within) - len(chosen)
    if skipped:
        say(f"note: {skipped:,} {'row' if skipped == 1 else 'rows'} without a label skipped.")
    return chosen, skipped


def judged(
    probabilities: "np.ndarray",
    labels: list[str],
    classes: tuple[str, ...],
    skipped: int,
    *,
    scores: "np.ndarray | None" = None,
    unknown: "Unknown | None" = None,
) -> Evaluation:
    """Measure predictions against the names of the true classes; the model may not know some of them.

    With ``scores`` and ``unknown``, the classes it does not know are one: that of no class.
    """
    from collections import Counter

    import numpy as np

    from graphtune.metric import bootstrap, bootstrap_mean, expected_calibration_error, f1_macro, per_class
    from graphtune.run.figures import unknown_figures

    ours = set(classes)
    known = np.array([label in ours for label in labels])
    predicted = probabilities.argmax(axis=1).astype(np.int64)
    confidence = probabilities.max(axis=1, keepdims=True).astype(np.float64)
    names, told = classes, None
    if unknown is None or scores is None:
        unseen = Counter(label for label in labels if label not in ours)
        names = (*classes, *sorted(unseen))
        place = {name: at for at, name in enumerate(names)}
        true = np.array([place[label] for label in labels], np.int64)
    else:
        unseen = Counter[str]()
        names = (*classes, unknown.name)
        place = {name: at for at, name in enumerate(classes)}
        true = np.array([place.get(label, len(classes)) for label in labels], np.int64)
        told = unknown_figures(scores, ~known, predicted == true, unknown.threshold)
        predicted[unknown.rejects(scores)] = len(classes)
    occurring = {names[at] for at in {*true.tolist(), *predicted.tolist()}}
    right = true == predicted
    # Only the confidence counts, so that one column will do: its class is right (0) or is not (-1).
    met = np.where(probabilities.argmax(axis=1) == true, 0, -1).astype(np.int64)
    # Of a text of no class no probability is meant.
    trusted = np.flatnonzero(known) if told is not None else np.arange(len(labels))
    figures = per_class(true, predicted, len(names))
    columns = (figures.precision, figures.recall, figures.f1, figures.support)
    rows = [
        {"class": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
        for name, p, r, f, s in zip(names, *columns, strict=True)
        if name in occurring
    ]
    return Evaluation(
        rows=len(labels),
        skipped=skipped,
        accuracy=bootstrap_mean(right),
        macro_f1=bootstrap(lambda at: f1_macro(true[at], predicted[at], len(names)), len(labels)),
        ece=bootstrap(
            lambda at: expected_calibration_error(confidence[trusted[at]], met[trusted[at]]), len(trusted)
        ),
        per_class=tuple(rows),
        unseen=dict(sorted(unseen.items())),
        unknown=told,
    )


def judged_each(
    probabilities: "np.ndarray",
    marks: "np.ndarray",
    names: tuple[str, ...],
    model: "FittedModel",
    skipped: int,
) -> Evaluation:
    """Measure labels of which a text may have several; ``marks`` has a column for each of ``names``.

    The accuracy is the micro-averaged F1, and nothing is said of calibration.
    """
    from collections import Counter

    import numpy as np

    from graphtune.metric import Interval, bootstrap
    from graphtune.run.figures import class_figures_each, figures_each, macro_each

    beyond = [name for name in names if name not in model.classes]
    every = (*model.classes, *beyond)
    truth = np.zeros((len(marks), len(every)), bool)
    for column, name in enumerate(names):
        truth[:, every.index(name)] = marks[:, column]
    claims = model.calibration.claims(probabilities)
    found = figures_each(probabilities, claims, truth)
    wide = np.pad(claims, ((0, 0), (0, len(beyond))))
    rows = [
        {
            "class": one.name,
            "precision": one.precision,
            "recall": one.recall,
            "f1": one.f1,
            "support": one.support,
        }
        for one, claimed in zip(class_figures_each(claims, truth, every), wide.sum(axis=0), strict=True)
        if one.support or claimed
    ]
    unseen = Counter({name: int(truth[:, every.index(name)].sum()) for name in beyond})
    nothing = float("nan")
    return Evaluation(
        rows=len(marks),
        skipped=skipped,
        accuracy=Interval(found.accuracy, found.accuracy_low, found.accuracy_high, 0.95),
        macro_f1=bootstrap(lambda at: macro_each(claims[at], truth[at]), len(marks)),
        ece=Interval(nothing, nothing, nothing, 0.95),
        per_class=tuple(rows),
        unseen=dict(sorted(unseen.items())),
        measure="micro-F1",
    )


def _print(found: Evaluation, console: "Console") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if found.unseen:
        count = sum(found.unseen.values())
        named = ", ".join(f"{label!r} ({rows:,})" for label, rows in found.unseen.items())
        said = f"{count:,} {'row has a label' if count == 1 else 'rows have labels'} that training never saw"
        warning = Text("warning: ", style="yellow")
        console.print(warning.append(f"{said}, counted as errors: {named}", style="default"))
    skipped = f", {found.skipped:,} without a label skipped" if found.skipped else ""
    console.print(Text(f"{found.rows:,} labelled rows{skipped}", style="bold"))
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    named = [(found.measure, found.accuracy), ("macro-F1", found.macro_f1), ("calibration error", found.ece)]
    if found.measure != "accuracy":
        named.pop()
    for name, one in named:
        interval = f"{one.level:.0%} interval {one.low:.1%} to {one.high:.1%}"
        facts.add_row(name, Text(f"{one.value:.1%}", style="bold"), interval)
    for name, said in _told(found):
        facts.add_row(name, Text(said, style="bold"), "")
    console.print(facts)
    classes = Table(box=box.SIMPLE_HEAD)
    classes.add_column("class", overflow="fold")
    for title in ("precision", "recall", "F1", "rows"):
        classes.add_column(title, justify="right")
    for row in sorted(found.per_class, key=lambda row: (row["f1"], -row["support"], row["class"])):
        rates = (f"{row[name]:.1%}" for name in ("precision", "recall", "f1"))
        classes.add_row(Text(row["class"]), *rates, f"{row['support']:,}")
    console.print(classes)


def _told(found: Evaluation) -> list[tuple[str, str]]:
    """Return what is known of rows of no class."""
    one = found.unknown
    if one is None:
        return []
    if not one.unknown:
        return [("known rows kept", f"{one.kept:.1%}")]
    return [
        (f"no class: AUROC of {one.unknown:,} rows", f"{one.auroc:.1%}"),
        ("no class: told", f"{one.recall:.1%}"),
        ("known rows kept", f"{one.kept:.1%}"),
        ("known rows right, if none were rejected", f"{one.accuracy:.1%}"),
    ]
