"""A smaller model beside the one it was made of; one that lost too much is refused."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from graphtune.compress.row_likeness import mean_cosine, overlap
from graphtune.compress.subject import Subject
from graphtune.encoder import FittedEncoder, Onnx, Transformer
from graphtune.encoder.directory import content_files
from graphtune.encoder.onnx import FACTS, exported_files
from graphtune.errors import CompressionError
from graphtune.metric import expected_calibration_error
from graphtune.report.compression import Compression, Footprint, Measure, Standing
from graphtune.select.thresholds import micro

_ROUNDING = 1e-9  # points


@dataclass(frozen=True, eq=False)
class Texts:
    """What models are compared on, with whatever is known of it."""

    texts: tuple[str, ...]
    labels: Int64[
        np.ndarray, " T"
    ]  # the model's classes; −1 = no label; one beyond the classes is always wrong
    marks: Bool[np.ndarray, "T A"] | None = (
        None  # where texts may have several labels, the model's classes first
    )
    seen: bool = False  # whether the model holds them, or most of them

    @property
    def judged(self) -> Int64[np.ndarray, " J"]:
        """The rows that have a label."""
        return np.flatnonzero(self.labels >= 0)


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model or an encoder makes of texts."""

    rows: Float32[Tensor, "T F"]
    probabilities: Float32[np.ndarray, "T C"] | None
    claims: Bool[np.ndarray, "T C"] | None  # which labels apply, where there may be several

    @classmethod
    def of(cls, subject: Subject, texts: Texts) -> "Answers":
        """Ask it."""
        rows = subject.rows(texts.texts)
        if subject.model is None:
            return cls(rows, None, None)
        found = subject.probabilities(texts.texts)
        claims = subject.model.calibration.claims(found) if subject.model.several else None
        return cls(rows, found, claims)

    def same(self, other: "Answers") -> float | None:
        """Return the share of the texts that both give the same label, or labels; None for encoders."""
        if self.probabilities is None or other.probabilities is None:
            return None
        if self.claims is not None and other.claims is not None:
            return float((self.claims == other.claims).all(axis=1).mean())
        return float((self.probabilities.argmax(axis=1) == other.probabilities.argmax(axis=1)).mean())

    def standing(self, texts: Texts) -> Standing:
        """Return how good it is, where that can be told; how large it is, is not known yet."""
        rows = texts.judged
        if self.probabilities is None or not len(rows):
            return Standing(None, None, 0)
        if self.claims is not None:
            if texts.marks is None:
                return Standing(None, None, 0)
            truth = texts.marks[rows]
            claims = np.pad(self.claims[rows], ((0, 0), (0, truth.shape[1] - self.claims.shape[1])))
            return Standing(float(micro(claims, truth)), None, 0)
        found, labels = self.probabilities[rows], texts.labels[rows]
        known = labels < found.shape[1]
        ece = expected_calibration_error(found[known], labels[known]) if known.any() else None
        return Standing(float((found.argmax(axis=1) == labels).mean()), ece, 0)


def compared(
    before: Subject,
    after: Subject,
    texts: Texts,
    *,
    steps: Sequence[str],
    most: float,
) -> Compression:
    """Compare two on the same texts; ``most`` is how many points may be lost."""
    old, new = Answers.of(before, texts), Answers.of(after, texts)
    first, second = old.standing(texts), new.standing(texts)
    cosine = mean_cosine(old.rows, new.rows)
    agreement = old.same(new)
    measure: Measure
    if first.accuracy is not None and second.accuracy is not None:
        measure = "accuracy" if old.claims is None else "micro-F1"
        lost = first.accuracy - second.accuracy
    elif agreement is not None:
        measure, lost = "agreement", 1 - agreement
    else:
        measure, lost = "cosine", 1 - cosine
    return Compression(
        steps=tuple(steps),
        kept=after.encoder.facts.kept if isinstance(after.encoder, Onnx) else (),
        texts=len(texts.texts),
        labelled=len(texts.judged),
        seen=texts.seen,
        measure=measure,
        agreement=cosine if agreement is None else agreement,
        cosine=cosine,
        neighbours=overlap(old.rows, new.rows),
        drop=100 * lost,
        most=most,
        before=first,
        after=second,
        graph_left=_reads_graph(before) and not _reads_graph(after),
    )


def _reads_graph(subject: Subject) -> bool:
    return subject.model is not None and bool(subject.model.candidate.graphs)


def check(found: Compression) -> None:
    """Refuse a model that lost more than is allowed.

    Raises:
        CompressionError: it did.
    """
    # Written so that a loss that is not a number is refused too.
    if found.drop <= found.most + _ROUNDING:
        return
    what = {
        "accuracy": "its accuracy falls by",
        "micro-F1": "its micro-F1 falls by",
        "agreement": "the share of texts that keep their label falls by",
        "cosine": "the mean cosine of its rows to those before falls by",
    }[found.measure]
    raise CompressionError(
        f"The smaller model ({', '.join(found.steps)}) is not good enough: on {found.texts:,} texts {what} "
        f"{found.drop:.2f} points, and {found.most:g} are allowed. Nothing was written.",
        fix="allow more with --max-drop, leave a step out, or compare on more texts, where chance is less.",
    )


def with_sizes(found: Compression, before: int, after: int) -> Compression:
    """Return the same with the bytes of both."""
    return replace(
        found,
        before=replace(found.before, size_bytes=before),
        after=replace(found.after, size_bytes=after),
    )


def with_footprints(found: Compression, before: Footprint, after: Footprint) -> Compression:
    """Return the same with what both take."""
    return replace(
        found,
        before=replace(found.before, footprint=before),
        after=replace(found.after, footprint=after),
    )


def size_of(place: Path, encoder: FittedEncoder) -> int:
    """Return the bytes of a saved model or an encoder, with those of the encoder where it is elsewhere."""
    files = {file for file in place.rglob("*") if file.is_file()} if place.is_dir() else set[Path]()
    own = ("config.json", "encoder/config.json", "0_Transformer/config.json", FACTS, f"encoder/{FACTS}")
    if not any((place / name).is_file() for name in own):
        if isinstance(encoder, Transformer):
            files |= set(content_files(encoder.directory))
        elif isinstance(encoder, Onnx):
            files |= set(exported_files(encoder.directory))
    return sum(file.stat().st_size for file in files)
