"""``graphtune evaluate``: how good a saved model is on labelled rows."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    import numpy as np
    from rich.console import Console

    from graphtune.metric import Interval
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


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Folder that fit has written.")],
    table: Annotated[str, typer.Argument(metavar="TABLE", help="Labelled rows; - is standard input.")],
    text: Annotated[str | None, typer.Option(metavar="COL", help="Column of the texts.")] = None,
    label: Annotated[str | None, typer.Option(metavar="COL", help="Column of the labels.")] = None,
    id_: Annotated[str | None, typer.Option("--id", metavar="COL", help="Column of the ids.")] = None,
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
    out: Annotated[str | None, typer.Option(metavar="FILE.json", help="Write the figures there too.")] = None,
) -> None:
    """Print accuracy, macro-F1 and calibration error with 95% intervals, and every class by itself.

    Rows without a label are skipped. Labels that training never saw count as errors.
    """
    from rich.console import Console

    from graphtune.artefact import write_json
    from graphtune.cli.place import check_json
    from graphtune.cli.rows import read_edges, read_rows, say_notes
    from graphtune.run.saved import load

    check_json(out)
    fitted = load(Path(model))
    column = fitted.outcome.text_column
    given = read_rows(table, purpose="evaluate", remembered=column, text=text, label=label, id_=id_)
    say_notes(given)
    links = read_edges(edges, given, fitted)
    chosen, skipped = _chosen(given, rows, table)
    texts, ids = ([column[at] for at in chosen] for column in (given.texts, given.ids))
    probabilities = fitted.probabilities(texts, ids=ids, links=links)
    labels = [given.classes[given.labels[at]] for at in chosen]
    found = judged(probabilities, labels, fitted.classes, skipped)
    _print(found, Console(highlight=False, soft_wrap=True))
    if out is not None:
        write_json(Path(out), asdict(found))


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
    probabilities: "np.ndarray", labels: list[str], classes: tuple[str, ...], skipped: int
) -> Evaluation:
    """Measure predictions against the names of the true classes; the model may not know some of them."""
    from collections import Counter

    import numpy as np

    from graphtune.metric import bootstrap, bootstrap_mean, expected_calibration_error, f1_macro, per_class

    unseen = Counter(label for label in labels if label not in set(classes))
    occurring = {*labels, *(classes[at] for at in set(probabilities.argmax(axis=1).tolist()))}
    names = (*classes, *sorted(unseen))
    place = {name: at for at, name in enumerate(names)}
    true = np.array([place[label] for label in labels], np.int64)
    predicted = probabilities.argmax(axis=1).astype(np.int64)
    right = true == predicted
    confidence = probabilities.max(axis=1, keepdims=True).astype(np.float64)
    # Only the confidence counts, so that one column will do: its class is right (0) or is not (-1).
    met = np.where(right, 0, -1).astype(np.int64)
    scores = per_class(true, predicted, len(names))
    columns = (scores.precision, scores.recall, scores.f1, scores.support)
    figures = [
        {"class": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
        for name, p, r, f, s in zip(names, *columns, strict=True)
        if name in occurring
    ]
    return Evaluation(
        rows=len(labels),
        skipped=skipped,
        accuracy=bootstrap_mean(right),
        macro_f1=bootstrap(lambda at: f1_macro(true[at], predicted[at], len(names)), len(labels)),
        ece=bootstrap(lambda at: expected_calibration_error(confidence[at], met[at]), len(labels)),
        per_class=tuple(figures),
        unseen=dict(sorted(unseen.items())),
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
    named = (("accuracy", found.accuracy), ("macro-F1", found.macro_f1), ("calibration error", found.ece))
    for name, one in named:
        interval = f"{one.level:.0%} interval {one.low:.1%} to {one.high:.1%}"
        facts.add_row(name, Text(f"{one.value:.1%}", style="bold"), interval)
    console.print(facts)
    classes = Table(box=box.SIMPLE_HEAD)
    classes.add_column("class", overflow="fold")
    for title in ("precision", "recall", "F1", "rows"):
        classes.add_column(title, justify="right")
    for row in sorted(found.per_class, key=lambda row: (row["f1"], -row["support"], row["class"])):
        rates = (f"{row[name]:.1%}" for name in ("precision", "recall", "f1"))
        classes.add_row(Text(row["class"]), *rates, f"{row['support']:,}")
    console.print(classes)
