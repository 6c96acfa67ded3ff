"""What making a model smaller cost and gained, beside what it was made of."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from graphtune.report import wording

Measure = Literal["accuracy", "micro-F1", "agreement", "cosine"]


@dataclass(frozen=True)
class Footprint:
    """What a saved model takes, measured in a process of its own that does nothing else."""

    peak_bytes: int  # of memory; 0 where the system does not say
    load_seconds: float  # until it can predict, imports included
    one_p50_ms: float  # of a text by itself
    one_p95_ms: float
    many_p50_ms: float  # of `many` texts in one call
    many_p95_ms: float
    many: int
    texts_per_second: float  # in calls of so many texts


@dataclass(frozen=True)
class Standing:
    """How good a model is on the texts it was compared on, and how large."""

    accuracy: (
        float | None
    )  # 0 … 1; the micro-averaged F1 where texts may have several labels; None = no labels
    ece: float | None  # expected calibration error, 0 … 1
    size_bytes: int  # of its folder, and of the encoder's where that is another
    footprint: Footprint | None = None


@dataclass(frozen=True)
class Compression:
    """A model before and after, on the same texts; rates are 0 … 1."""

    steps: tuple[str, ...]  # in the order in which they were taken
    kept: tuple[str, ...]  # modules that stayed in float32 where others became integers
    texts: int  # compared on
    labelled: int  # of them, those with a label
    seen: bool  # whether the model holds them, or most, so that agreement may look better than it is
    measure: Measure  # what decided
    agreement: (
        float  # share of the texts that get the same label; of an encoder, the mean cosine of their rows
    )
    cosine: float  # mean, of the encoder's rows before and after
    neighbours: float  # mean share of a text's ten nearest among these texts that stay its ten nearest
    drop: float  # points that were lost by `measure`
    most: float  # points that may be lost
    before: Standing
    after: Standing
    graph_left: bool = False  # whether a graph is read before and none after

    def facts(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "Compression":
        """Return what `facts` told.

        Raises:
            KeyError: a fact is missing.
            TypeError: there is a fact too many.
        """
        lists = {name: tuple(facts[name]) for name in ("steps", "kept")}
        return cls(
            **{**facts, **lists, "before": _standing(facts["before"]), "after": _standing(facts["after"])}
        )


def _standing(facts: Mapping[str, Any]) -> Standing:
    footprint = facts["footprint"]
    return Standing(**{**facts, "footprint": None if footprint is None else Footprint(**footprint)})


def compression_rows(found: Compression) -> list[tuple[str, str, str]]:
    """Return what is compared: its name, before, and after."""
    before, after = found.before, found.after
    rows = []
    if before.accuracy is not None and after.accuracy is not None:
        name = "micro-F1" if found.measure == "micro-F1" else "accuracy"
        rows.append((name, wording.percent(before.accuracy), wording.percent(after.accuracy)))
    if before.ece is not None and after.ece is not None:
        rows.append(("calibration error", wording.percent(before.ece), wording.percent(after.ece)))
    rows.append(("size", mebibytes(before.size_bytes), mebibytes(after.size_bytes)))
    old, new = before.footprint, after.footprint
    if old is not None and new is not None:
        pairs = [
            ("peak memory", mebibytes(old.peak_bytes), mebibytes(new.peak_bytes)),
            ("time to load", f"{old.load_seconds:.1f} s", f"{new.load_seconds:.1f} s"),
            ("one text, median", f"{old.one_p50_ms:.1f} ms", f"{new.one_p50_ms:.1f} ms"),
            ("one text, 95th percentile", f"{old.one_p95_ms:.1f} ms", f"{new.one_p95_ms:.1f} ms"),
            (f"{new.many} texts, median", f"{old.many_p50_ms:.0f} ms", f"{new.many_p50_ms:.0f} ms"),
            (f"{new.many} texts, 95th percentile", f"{old.many_p95_ms:.0f} ms", f"{new.many_p95_ms:.0f} ms"),
            ("texts per second", f"{old.texts_per_second:,.0f}", f"{new.texts_per_second:,.0f}"),
        ]
        rows += pairs
    return rows


def compression_lines(found: Compression) -> list[str]:
    """Return what the rows do not say, one sentence or two each."""
    on = wording.counted(found.texts, "text")
    if found.measure == "cosine":
        lines = [f"Rows of {on} before and after have a mean cosine of {found.cosine:.4f}."]
    else:
        lines = [
            f"{wording.percent(found.agreement)} of {on} get the same label as before; the encoder's rows "
            f"have a mean cosine of {found.cosine:.4f} to those before."
        ]
    lines.append(f"Of a text's ten nearest among them, {wording.percent(found.neighbours)} stay the same.")
    lines.append(
        f"{_MEASURED[found.measure]}: {found.drop:.2f} points were lost, and {found.most:g} were allowed."
    )
    if found.graph_left:
        lines.append(
            "It reads each text by itself, and holds no text and no graph: it names no neighbours, and edges "
            "change nothing. Encoder rows of up to 20,000 labelled texts stay, by which texts of no class "
            "are told. Edges took no part in the comparison."
        )
    if found.seen:
        lines.append("Most of these, or all, are texts that the model holds: on new ones, fewer may agree.")
    if found.kept:
        lines.append(f"Left in float32, as they lost the most: {', '.join(found.kept)}.")
    return lines


def compression_card(found: Compression) -> list[str]:
    """Return a part of a model card, in Markdown."""
    rows = [f"| {name} | {before} | {after} |" for name, before, after in compression_rows(found)]
    return [
        "## What was made smaller",
        "",
        f"Made by `graphtune compress`: {', '.join(found.steps)}. Figures elsewhere are those before.",
        "",
        "| | before | after |",
        "|---|---:|---:|",
        *rows,
        "",
        *(f"- {line}" for line in compression_lines(found)),
        "",
    ]


def mebibytes(count: int) -> str:
    """Return a size as it is shown; one that is not known is a dash."""
    return f"{count / 2**20:.1f} MiB" if count else wording.NOTHING


_MEASURED: Mapping[Measure, str] = {
    "accuracy": "Judged by accuracy",
    "micro-F1": "Judged by micro-F1",
    "agreement": "Judged by how many labels stay the same",
    "cosine": "Judged by the mean cosine",
}
