"""``graphtune demo``: the whole job on a table that comes with graphtune.

The table is BANKING77 (Casanueva et al., NLP4ConvAI 2020, arXiv:2003.04807) with 5 labels a class.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import numpy as np
    from rich.console import Console

    from graphtune.plan import Plan
    from graphtune.run.saved import FittedModel
    from graphtune.table import Table

_TABLE = Path(__file__).parent / "banking77" / "banking77.parquet"
_ENCODER = "minilm"
_BUDGET = 45.0  # seconds to choose within; with encoding, the whole stays below two minutes on two cores
_STRENGTH = 10.0  # C of both logistic regressions; on this table none from 1 to 100 does better
_NEIGHBOURS = 3


@dataclass(frozen=True)
class Compared:
    """One way to do the same job."""

    name: str
    predicted: "np.ndarray"  # class numbers of the test rows
    seconds: float  # without encoding


def demo(
    into: Annotated[
        str, typer.Option(metavar="DIR", help="Folder of the model and its report.")
    ] = "graphtune-demo",
) -> None:
    """Fit on 385 labelled questions to a bank in 77 classes, and compare with what is usually done.

    9,618 more questions without a label make the graph denser; 3,080 test questions, seen by none of the
    models, judge. Takes about a minute and a half on two cores.
    """
    from rich.console import Console

    from graphtune.cli.fit import run
    from graphtune.progress import say
    from graphtune.run.saved import check_place, load
    from graphtune.table import Columns, read_table

    start = time.monotonic()
    check_place(Path(into))
    console = Console(highlight=False, soft_wrap=True)
    table = read_table(_TABLE, Columns("text", "label", "split", "id"), purpose="fit")
    _print_table(table, console)
    with _timed() as encoding:
        embedded = _embedded(table)
    compared = []
    for name, features in (
        ("TF-IDF + logistic regression", None),
        ("frozen embeddings + logistic regression", embedded),
    ):
        say(f"comparing with {name}")
        compared.append(_baseline(name, table, features))
    with _timed() as fitting:
        run(table, _plan(), Path(into), text_column="text")
    model = load(Path(into))
    test = _rows(table, "test")
    probabilities = model.probabilities([table.texts[at] for at in test])
    ours = Compared("graphtune", _as_numbers(probabilities, model, table), fitting.seconds)
    _print_predictions(table, model, compared[-1].predicted, ours.predicted, console)
    _print_comparison(table, [*compared, ours], encoding.seconds, console)
    _print_end(into, time.monotonic() - start, console)


def _plan() -> "Plan":
    from graphtune.plan import Plan

    return Plan(encoder=_ENCODER, budget_seconds=_BUDGET)


@dataclass
class _Time:
    seconds: float = 0.0


@contextmanager
def _timed() -> Iterator[_Time]:
    spent, start = _Time(), time.monotonic()
    yield spent
    spent.seconds = time.monotonic() - start


def _rows(table: "Table", part: str) -> "np.ndarray":
    """Return the labelled rows of a part."""
    import numpy as np

    return np.flatnonzero((np.array(table.split) == part) & (table.labels >= 0))


def _embedded(table: "Table") -> "np.ndarray":
    from graphtune.encoder import Transformer, cached_blocks, upper_blocks

    # Frozen weights learn nothing from these texts, the test's among them.
    encoder = Transformer(_ENCODER)
    # All that a fit reads, so that no text is read again.
    return cached_blocks(encoder, table.texts, upper_blocks(encoder))[encoder.depth].numpy()


def _baseline(name: str, table: "Table", features: "np.ndarray | None") -> Compared:
    """Train on the labelled rows alone; without ``features``, on TF-IDF of words and pairs of words."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    train, test = _rows(table, "train"), _rows(table, "test")
    with _timed() as spent:
        if features is None:
            terms = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
            known: Any = terms.fit_transform([table.texts[at] for at in train])
            new: Any = terms.transform([table.texts[at] for at in test])
        else:
            known, new = features[train], features[test]
        learned = LogisticRegression(C=_STRENGTH, max_iter=1000).fit(known, table.labels[train])
        predicted = learned.predict(new)
    return Compared(name, np.asarray(predicted, np.int64), spent.seconds)


def _as_numbers(probabilities: "np.ndarray", model: "FittedModel", table: "Table") -> "np.ndarray":
    import numpy as np

    place = {name: at for at, name in enumerate(table.classes)}
    return np.array([place[model.classes[at]] for at in probabilities.argmax(axis=1)], np.int64)


def _print_table(table: "Table", console: "Console") -> None:
    labelled, test = len(_rows(table, "train")), len(_rows(table, "test"))
    console.print("[bold]BANKING77[/bold]: questions to a bank (Casanueva et al. 2020, CC BY 4.0)")
    console.print(
        f"{labelled:,} labelled training questions, {len(table) - labelled - test:,} unlabelled, "
        f"{test:,} test questions, {len(table.classes)} classes"
    )


def _print_predictions(
    table: "Table", model: "FittedModel", plain: "np.ndarray", ours: "np.ndarray", console: "Console"
) -> None:
    """Show one text that only graphtune gets right, one that both do, and one that graphtune gets wrong."""
    from rich.text import Text

    test = _rows(table, "test")
    truth = table.labels[test]
    kinds = (
        ("right, where the embeddings alone were wrong", (ours == truth) & (plain != truth)),
        ("right, as were the embeddings alone", (ours == truth) & (plain == truth)),
        ("wrong", ours != truth),
    )
    chosen = [(said, int(which.argmax())) for said, which in kinds if which.any()]
    texts = [table.texts[test[at]] for _, at in chosen]
    # Without a graph, which the fit may choose, nothing but the text itself decides.
    near = model.neighbours(texts, _NEIGHBOURS) if model.candidate.graphs else [[] for _ in texts]
    console.print()
    console.print(
        "[bold]Three test questions and the neighbours that decided[/bold] (the first of each kind)"
    )
    for (said, at), text, found in zip(chosen, texts, near, strict=True):
        label = table.classes[ours[at]]
        right = "" if ours[at] == truth[at] else f"; the right one is {table.classes[truth[at]]}"
        console.print(Text(f"\n“{text}”", style="italic"))
        console.print(Text("  → ").append(label, style="bold").append(f"  ({said}{right})"))
        guessed = model.probabilities([one.text for one in found]).argmax(axis=1)
        for one, guess in zip(found, guessed, strict=True):
            known = one.label or f"unlabelled, taken for {model.classes[guess]}"
            console.print(Text(f"    {one.weight:.2f}  “{one.text}” ").append(f"[{known}]", style="cyan"))


def _print_comparison(table: "Table", compared: list[Compared], encoding: float, console: "Console") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from graphtune.metric import bootstrap_mean

    truth = table.labels[_rows(table, "test")]
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    shown.add_column("on the test questions")
    for title in ("accuracy", "95% interval", "seconds"):
        shown.add_column(title, justify="right")
    for one in compared:
        right = bootstrap_mean(one.predicted == truth)
        style = "bold" if one is compared[-1] else ""
        interval = f"{right.low:.1%} to {right.high:.1%}"
        cells = (one.name, f"{right.value:.1%}", interval, f"{one.seconds:.1f}")
        shown.add_row(*(Text(cell, style=style) for cell in cells))
    console.print()
    console.print(shown)
    console.print(
        "All three learned from the same labelled questions; graphtune also read those without a label. "
        f"Embedding all {len(table):,} texts, once, took {encoding:.1f} s; it is not in the table. What is "
        "embedded once is kept (graphtune cache)."
    )


def _print_end(into: str, seconds: float, console: "Console") -> None:
    from rich.text import Text

    console.print()
    console.print(f"done in {seconds:.0f} s")
    place = Path(into)
    for name, path in (("model", place), ("report", place / "report.html")):
        console.print(Text(f"{name + ':':8}", style="cyan").append(str(path), style="default"))
    console.print(Text(f"next: graphtune predict {into} your-questions.csv"))
