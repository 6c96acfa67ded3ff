"""What several commands are told alike."""

from typing import Annotated

import typer

TableFile = Annotated[
    str,
    typer.Argument(
        metavar="TABLE",
        help="CSV, TSV, JSON Lines, Parquet, Arrow, a saved Hugging Face dataset; - is standard input.",
    ),
]
TextColumn = Annotated[str | None, typer.Option(metavar="COL", help="Column of the texts.")]
LabelColumn = Annotated[str | None, typer.Option(metavar="COL", help="Column of the labels.")]
SplitColumn = Annotated[str | None, typer.Option(metavar="COL", help="Column of train, val, test.")]
IdColumn = Annotated[str | None, typer.Option("--id", metavar="COL", help="Column of the ids.")]
WeightColumn = Annotated[
    str | None, typer.Option(metavar="COL", help="Column of how much each training row counts.")
]
Separator = Annotated[
    str | None,
    typer.Option(metavar="MARK", help="What stands between them; implies --multi-label.", show_default="|"),
]
Edges = Annotated[str | None, typer.Option(metavar="FILE", help="Links between ids.")]
Unlabelled = Annotated[
    list[str] | None, typer.Option(metavar="FILE", help="More texts without labels; may be repeated.")
]
Track = Annotated[
    list[str] | None,
    typer.Option(
        metavar="WHERE",
        help="mlflow:DIR, mlflow:URI or tensorboard:DIR: where figures are kept too; may be repeated.",
    ),
]
