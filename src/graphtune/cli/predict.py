"""``graphtune predict``: labels for new texts."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphtune.cli.arguments import IdColumn, TextColumn

if TYPE_CHECKING:
    import numpy as np

    from graphtune.cli.unknown import Unknown
    from graphtune.run.saved import FittedModel
    from graphtune.table import Links, Table


def predict(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Folder that fit has written.")],
    table: Annotated[str, typer.Argument(metavar="TABLE", help="Texts to label; - is standard input.")],
    text: TextColumn = None,
    id_: IdColumn = None,
    edges: Annotated[
        str | None, typer.Option(metavar="FILE", help="Links of the new rows, to each other and to old ones.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help=".csv, .tsv, .jsonl or .parquet; - is CSV on standard output.",
            show_default="-",
        ),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Add a column p_CLASS for every class.")
    ] = False,
    unknown: Annotated[
        bool,
        typer.Option("--unknown", help="Tell texts of no class; add the column unknown_score."),
    ] = False,
    unknown_label: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What such texts are called; implies --unknown.",
            show_default="unknown, or as at the fit",
        ),
    ] = None,
    keep_known: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Share of held-out texts of the classes that keep theirs, 0 to 1; implies --unknown.",
            show_default="as the fit found",
        ),
    ] = None,
    neighbours: Annotated[
        int,
        typer.Option(
            metavar="K", min=0, help="Add the column neighbours: the K texts nearest in the graph, as JSON."
        ),
    ] = 0,
) -> None:
    """Give every text of a table a label, and how sure it is, in the order of the table.

    Writes the columns id, label and confidence. The ids are the row numbers from 0 where the table has none;
    an id that --edges names must not be that of another text of the model.
    With --unknown, texts that are unlike all that the classes were learned from get the label "unknown":
    their unknown_score is above a threshold that held-out texts of the classes have set.
    Neighbours have id, label (of training rows), weight and text, the nearest first: a list in JSON Lines and
    Parquet, its JSON in CSV and TSV.
    """
    from graphtune.cli.place import check_file
    from graphtune.cli.rows import read_edges, read_rows, say_notes
    from graphtune.cli.unknown import unknown_of
    from graphtune.run.saved import load
    from graphtune.table import write_rows

    check_file(out)
    fitted = load(Path(model))
    column = fitted.outcome.text_column
    rows = read_rows(table, purpose="predict", remembered=column, text=text, id_=id_)
    say_notes(rows)
    links = read_edges(edges, rows, fitted)
    nested = out is not None and Path(out).suffix.lower() in {".jsonl", ".parquet"}
    near = _neighbours(fitted, rows, links, neighbours, nested=nested) if neighbours else None
    asked = unknown or unknown_label is not None or keep_known is not None
    told = unknown_of(fitted, unknown_label, keep_known) if asked else None
    columns = predicted(fitted, rows, links, probabilities=probabilities, unknown=told, nested=nested)
    write_rows(out, columns if near is None else {**columns, "neighbours": near})


def predicted(
    model: "FittedModel",
    rows: "Table",
    links: "Links | None",
    *,
    probabilities: bool,
    unknown: "Unknown | None" = None,
    nested: bool = False,
) -> dict[str, Any]:
    """Return the columns id, label and confidence, and on request a score and one for each class.

    Where texts may have several labels, these are a list if ``nested``, else one cell; the confidence is then
    that of the least sure of all labels, whether it applies or not.
    """
    import numpy as np

    if unknown is None:
        found, scores = model.probabilities(rows.texts, ids=rows.ids, links=links), None
    else:
        found, scores = model.judged(rows.texts, ids=rows.ids, links=links)
    if model.several:
        claims = model.calibration.claims(found)
        columns: dict[str, Any] = {
            "id": rows.ids,
            "label": [model.named(own) if nested else model.joined(own) for own in claims],
            "confidence": np.where(claims, found, 1 - found).min(axis=1, initial=1.0),
        }
        return columns | _each(model, found) if probabilities else columns
    columns = {
        "id": rows.ids,
        "label": [model.classes[at] for at in found.argmax(axis=1)],
        "confidence": found.max(axis=1, initial=0.0),
    }
    if unknown is not None and scores is not None:
        pairs = zip(columns["label"], unknown.rejects(scores), strict=True)
        columns["label"] = [unknown.name if rejected else label for label, rejected in pairs]
        columns["unknown_score"] = scores
    if probabilities:
        columns |= _each(model, found)
    return columns


def _each(model: "FittedModel", found: "np.ndarray") -> dict[str, Any]:
    return {f"p_{name}": found[:, at] for at, name in enumerate(model.classes)}


def _neighbours(
    model: "FittedModel", rows: "Table", links: "Links | None", count: int, *, nested: bool
) -> list[Any]:
    if not len(rows):
        return []
    found = [
        [
            {"id": one.id, "label": one.label, "weight": round(float(one.weight), 4), "text": one.text}
            for one in near
        ]
        for near in model.neighbours(rows.texts, count, ids=rows.ids, links=links)
    ]
    return found if nested else [json.dumps(near, ensure_ascii=False) for near in found]
