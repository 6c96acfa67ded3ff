"""What a table holds, in the figures a person asks for first."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from graphtune.table.table import UNLABELLED, Note, Table

_LANGUAGE_SAMPLE = 400  # texts
_LANGUAGE_LETTERS = 500  # of each text
_LANGUAGE_SHARE = 0.05  # of the sample; guesses rarer than this are mostly wrong
# Scripts that put no blanks between words: each letter counts as a word.
_UNSPACED = (("\u3040", "\u30ff"), ("\u3400", "\u4dbf"), ("\u4e00", "\u9fff"), ("\u0e00", "\u0e7f"))


@dataclass(frozen=True)
class Lengths:
    """Lengths of the texts, empty ones included."""

    shortest: int
    median: int
    p95: int
    longest: int


@dataclass(frozen=True)
class Summary:
    """A table in figures."""

    rows: int
    labelled: dict[str, int]  # rows with a label by split; "" where the table does not say
    unlabelled: dict[str, int]
    classes: dict[str, int]  # rows of each class, the largest first
    letters: Lengths
    words: Lengths
    languages: dict[str, float]  # share of a sample by ISO 639-1 code, the commonest first
    duplicates_within: int  # rows whose text stands in an earlier row of the same split
    duplicates_across: int  # rows whose text stands in an earlier row of another split
    notes: tuple[Note, ...]


def summarise(table: Table) -> Summary:
    """Sum a table up; the languages are a guess from a fixed sample of its texts."""
    labelled = table.labels != UNLABELLED
    parts = np.array(table.split, dtype=object)
    counts = Counter(table.classes[label] for label in table.labels[labelled])
    if table.marks is not None:
        counts = Counter(dict(zip(table.classes, table.marks.sum(axis=0).tolist(), strict=True)))
    within, across = _duplicates(table.texts, table.split)
    return Summary(
        rows=len(table),
        labelled=_by_split(parts[labelled]),
        unlabelled=_by_split(parts[~labelled]),
        classes=dict(counts.most_common()),
        letters=_lengths(map(len, table.texts)),
        words=_lengths(map(_words, table.texts)),
        languages=_languages(table.texts),
        duplicates_within=within,
        duplicates_across=across,
        notes=table.notes,
    )


def _by_split(parts: Iterable[str]) -> dict[str, int]:
    counts = Counter(parts)
    return {part: counts[part] for part in ("train", "val", "test", "") if counts[part]}


def _lengths(values: Iterable[int]) -> Lengths:
    lengths = np.fromiter(values, np.int64)
    if not len(lengths):
        return Lengths(0, 0, 0, 0)
    low, middle, high, top = np.percentile(lengths, [0, 50, 95, 100])
    return Lengths(int(low), round(middle), round(high), int(top))


def _words(text: str) -> int:
    unspaced = 0 if text.isascii() else sum(any(a <= x <= z for a, z in _UNSPACED) for x in text)
    if not unspaced:
        return len(text.split())
    spaced = "".join(" " if any(a <= x <= z for a, z in _UNSPACED) else x for x in text)
    return unspaced + sum(any(map(str.isalnum, word)) for word in spaced.split())


def _duplicates(texts: Sequence[str], split: Sequence[str]) -> tuple[int, int]:
    seen: dict[str, set[str]] = {}
    within = across = 0
    for text, part in zip(texts, split, strict=True):
        if not text or text.isspace():
            continue
        parts = seen.setdefault(text, set())
        within += part in parts
        across += bool(parts - {part})
        parts.add(part)
    return within, across


def _languages(texts: Sequence[str]) -> dict[str, float]:
    written = [text for text in texts if any(map(str.isalpha, text))]
    if not written:
        return {}
    # Imported here: loading its model takes most of a second.
    import py3langid

    sample = random.Random(0).sample(written, min(_LANGUAGE_SAMPLE, len(written)))
    counts = Counter(str(py3langid.classify(text[:_LANGUAGE_LETTERS])[0]) for text in sample)
    shares = {language: count / len(sample) for language, count in counts.most_common()}
    likely = {language: share for language, share in shares.items() if share >= _LANGUAGE_SHARE}
    return likely or dict(list(shares.items())[:1])
