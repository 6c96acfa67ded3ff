"""How seconds and memory of a whole fit grow with the table, up to a million real short texts.

    python bench/million.py [--sizes N...] [--budget SECONDS] [--only-corpus]

The texts are cut from shared corpora, English and Chinese: at paragraphs and sentence ends, and sentences of
more than 16 words at commas too, for sentences alone fall short of a million. Two Han characters count as a
word. A piece has 4 to 60 words and is mostly letters; of those that are equal but for case, digits and
punctuation one is kept, and of one original at most 100. Its label is its original's.

Originals are drawn at random: a tenth are test texts, of the others a tenth is labelled. Corpora that hold
each other's texts are used once. A smaller table is the beginning of a larger one, without the classes that
are rare in it: so it has fewer of them, and the result says how many.
"""

import argparse
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import measured
import protocols
import surroundings
from graphtune.artefact import write_json, written

NAME = "million"
SECONDS, MEBIBYTES = 900.0, 12288.0  # of the whole command for a million texts with an empty cache
BUDGETS = {10_000: 30.0, 100_000: 80.0, 1_000_000: 600.0}  # texts: seconds; in proportion but for 24
_WORK = Path(__file__).parent / "work" / NAME
_SEED = 0
_TEST, _LABELLED = 0.1, 0.1  # of the originals; of the other originals
_RARE = 50  # pieces of a class; with fewer it is left out
_KNOWN = 2  # labelled pieces of a class, at least, or it is left out too
_MOST_OF_ONE = 100  # pieces of one original, so that none outweighs a small table
_LEAST, _MOST = 4, 60  # words of a piece
_LONG, _CLAUSE = 16, 5  # words from which a sentence is cut further; that its parts have at least
_LETTERS = 0.7  # of what is not blank
_ROW_GROUP = 65_536
_DIGITS = 4

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_WORD = re.compile(r"[^\W\d_\u3400-\u9fff]{2,}")
_LONG_RUN = re.compile(r"[!-~]{41}")  # addresses, encoded files
_ENTITY = re.compile(r"(?:&|\s(?=#))?(#\d+|\b(?:amp|lt|gt|quot));")  # also without the ampersand
_PARAGRAPH = re.compile(r"\n\s*\n|\n(?=[ \t]+\S)|\n(?=[*•-] )|\s(?=\*+ )")  # other line ends are wrapping
_SENTENCE = re.compile(
    r"""[。！？…]+[”’」』）)"]*\s*"""
    r"""|(?<=[\u3400-\u9fff])[!?]+\s*"""
    r"""|(?<!\b[A-Z])(?<!\b(?:Mr|Ms|Dr|St|vs|No|Co|Jr|Lt))(?<!\b(?:Mrs|Inc|Gen|Sen|Rep|Gov|Ltd|Fig))"""
    r"""[.!?]+["')\]]*\s+(?=["'(\[]?[A-Z0-9])"""
    r"""|(?<=[a-z)])\.(?=[A-Z][a-z])"""
)
_COMMA = re.compile(
    r"""[,;:]\s+(?=[A-Za-z"'(])|[，；：]|(?<=[\u3400-\u9fff])[,;:~]+|(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])"""
    r"""|\s+(?=--?\s)"""
)
_EDGE = " \t-*•,，;；、:：>|#_=~+"
_DROPPED = re.compile(r"[^\w\s]|[\d_]")


@dataclass(frozen=True)
class Corpus:
    """Where originals come from, and which column labels them."""

    name: str  # a label is this, a slash and the class
    dataset: str  # a Parquet file below the folder of data
    label: str = "label"
    titled: bool = False  # whether the first line is a title
    no_class: str | None = None  # such texts are left out


# Left out: sets within or across these (r8, subj, chnsenticorp, ...), dblp_conf, whose classes have no names,
# webkb, which is mostly menus, and the many small classes of banking77 and smp2019.
CORPORA = (
    Corpus("20ng", "20ng_body"),
    Corpus("debian", "debian/nodes", titled=True),
    Corpus("r52", "r52", titled=True),
    Corpus("dbpedia", "dbpedia14k"),
    Corpus("agnews", "agnews_test7600", titled=True),
    Corpus("citeseer", "citeseer/nodes"),
    Corpus("cora", "cora/nodes", titled=True),
    Corpus("mr", "mr"),
    Corpus("cr", "cr"),
    Corpus("trec6", "trec6"),
    Corpus("snips", "snips"),
    Corpus("atis", "atis"),
    Corpus("clinc150", "clinc150", label="domain", no_class="oos"),
    Corpus("tnews", "tnews"),
    Corpus("thucnews", "thucnews_title"),
    Corpus("online_shopping", "online_shopping10"),
    Corpus("iflytek", "iflytek"),
    Corpus("eprstmt", "eprstmt"),
)


class Original(NamedTuple):
    """A text of a corpus as those of its pieces that stand nowhere before."""

    name: str
    label: str
    texts: tuple[str, ...]


class Row(NamedTuple):
    """A piece; its label is shown where it is tested, or is one of the few labelled."""

    id: str
    text: str
    label: str
    split: str
    shown: bool


class TooFewError(Exception):
    """The corpora yield fewer pieces than were asked for."""


def run(out: Path) -> None:
    """Build the corpora anew, fit every size, and write the result."""
    try:
        build(tuple(BUDGETS), _WORK)
        sizes = [sized(size, BUDGETS[size]) for size in BUDGETS]
    except protocols.AbsentDataError as absent:
        print(f"skipped {NAME}: {absent}", file=sys.stderr)
        return
    largest = sizes[-1]
    growth = {
        what: exponent([one["rows"] for one in sizes], [one[what] for one in sizes])
        for what in ("seconds", "peak_mib")
    }
    result = {
        "encoder": "static",
        "protocol": "inductive",
        "command": "graphtune fit CORPUS --encoder static --budget SECONDS --into MODEL",
        "cache": "empty",
        "bar": {"rows": max(BUDGETS), "seconds": SECONDS, "peak_mib": MEBIBYTES},
        "met": largest["seconds"] <= SECONDS and largest["peak_mib"] <= MEBIBYTES,
        "exponent": growth,
        "sizes": sizes,
        **surroundings.facts(),
    }
    write_json(out / NAME / "static.json", result)
    met = "met" if result["met"] else "NOT met"
    print(
        f"exponents {growth} over rows; bars of {SECONDS:g} s and {MEBIBYTES:g} MiB: {met}",
        flush=True,
    )


def sized(size: int, budget: float, work: Path = _WORK) -> dict[str, Any]:
    """Fit the corpus of ``size`` pieces in a process of its own; build it first where it is not there."""
    corpus = work / f"{size}.parquet"
    if not (corpus.is_file() and corpus.with_suffix(".json").is_file()):
        build((size,), work)
    found = {
        "rows": size,
        "corpus": json.loads(corpus.with_suffix(".json").read_text(encoding="utf-8")),
        "budget_seconds": budget,
        **_fitted(corpus, budget),
    }
    print(line(found), flush=True)
    return found


def line(found: Mapping[str, Any]) -> str:
    """Say what came of one size."""
    return (
        f"{found['rows']} texts, {found['corpus']['classes']} classes: {found['seconds']} s, "
        f"{found['peak_mib']} MiB, accuracy {found['accuracy']} % ({found['graph_free_accuracy']} % without "
        f"a graph), {found['chosen']}"
    )


def exponent(rows: Sequence[int], values: Sequence[float]) -> float:
    """Return the slope of the logarithm of ``values`` over that of ``rows``, by least squares."""
    return round(float(np.polyfit(np.log(rows), np.log(values), 1)[0]), 3)


def build(sizes: Sequence[int], work: Path, corpora: Sequence[Corpus] = CORPORA) -> None:
    """Write a corpus of each size under ``work``, and what it holds beside it.

    Raises:
        protocols.AbsentDataError: a corpus is not there.
        TooFewError: there are not so many pieces.
    """
    rows = dealt(originals(corpora), _SEED)
    for size in sizes:
        kept = chosen(rows, size)
        _write(work / f"{size}.parquet", kept)
        write_json(work / f"{size}.json", _holds(kept))


def originals(corpora: Sequence[Corpus]) -> Iterator[Original]:
    """Yield the texts of every corpus that have a piece of their own."""
    import pyarrow.parquet as pq

    seen: set[bytes] = set()
    for corpus in corpora:
        path = protocols.data_root() / f"{corpus.dataset}.parquet"
        if not path.is_file():
            raise protocols.AbsentDataError(f"{path.name} is not in {path.parent}; set GRAPHTUNE_DATA.")
        columns = pq.read_table(path, columns=["id", "text", corpus.label]).to_pydict()
        for name, text, label in zip(columns["id"], columns["text"], columns[corpus.label], strict=True):
            if label == corpus.no_class:
                continue
            texts = tuple(islice(distinct(pieces(text, titled=corpus.titled), seen), _MOST_OF_ONE))
            if texts:
                yield Original(f"{corpus.name}-{name}", f"{corpus.name}/{label}", texts)


def pieces(text: str, *, titled: bool = False) -> list[str]:
    """Return the parts of a text that can stand alone, in order."""
    text = unescape(_ENTITY.sub(r"&\1;", text))
    title, _, body = text.partition("\n") if titled else ("", "", text)
    parts: list[str] = []
    for paragraph in (title, *_PARAGRAPH.split(body)):
        for sentence in _cut(_SENTENCE, " ".join(paragraph.split())):
            parts += [sentence] if _words(sentence) <= _LONG else _clauses(sentence)
    return [part for part in (part.strip(_EDGE) for part in parts) if _sound(part)]


def distinct(texts: Sequence[str], seen: set[bytes]) -> Iterator[str]:
    """Yield those unlike all ``seen``, but for case, digits and punctuation, and add them to it."""
    for text in texts:
        alike = " ".join(_DROPPED.sub("", text.lower()).split())
        key = hashlib.blake2b(alike.encode(), digest_size=12).digest()  # a million strings would be larger
        if key not in seen:
            seen.add(key)
            yield text


def dealt(sources: Iterator[Original], seed: int) -> list[Row]:
    """Return all pieces, originals in random order, each wholly in one part."""
    random = np.random.default_rng(seed)
    every = list(sources)
    draws = random.random(len(every))
    rows = []
    for at in random.permutation(len(every)):
        name, label, texts = every[at]
        split = "test" if draws[at] < _TEST else "train"
        shown = bool(draws[at] < _TEST + (1 - _TEST) * _LABELLED)
        rows += [Row(f"{name}-{number}", text, label, split, shown) for number, text in enumerate(texts)]
    return rows


def chosen(rows: Sequence[Row], size: int) -> list[Row]:
    """Return the first ``size`` pieces of classes that are not rare among the first ``size``.

    Raises:
        TooFewError: there are not so many.
    """
    first = rows[:size]
    counts = Counter(row.label for row in first)
    known = Counter(row.label for row in first if row.shown and row.split == "train")
    common = {label for label in counts if counts[label] >= _RARE and known[label] >= _KNOWN}
    kept = list(islice((row for row in rows if row.label in common), size))
    if len(kept) < size:
        raise TooFewError(f"{size} pieces were asked for, and the corpora yield {len(kept)}")
    return kept


def _cut(ends: re.Pattern[str], text: str) -> Iterator[str]:
    start = 0
    for found in ends.finditer(text):
        yield text[start : found.end()]
        start = found.end()
    yield text[start:]


def _clauses(sentence: str) -> list[str]:
    """Cut at commas wherever both sides are long enough."""
    clauses, held, words = [], "", 0.0
    left = _words(sentence)
    for part in _cut(_COMMA, sentence):
        own = _words(part)
        held, words, left = held + part, words + own, left - own
        if words >= _CLAUSE and left >= _CLAUSE:
            clauses.append(held)
            held, words = "", 0.0
    return [*clauses, held]


def _words(text: str) -> float:
    return len(_WORD.findall(text)) + len(_HAN.findall(text)) / 2


def _sound(text: str) -> bool:
    if not _LEAST <= _words(text) <= _MOST or _LONG_RUN.search(text):
        return False
    return sum(map(str.isalpha, text)) >= _LETTERS * len("".join(text.split()))


def _write(path: Path, rows: Sequence[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in ("id", "text", "label", "split")])
    with written(path) as partial, pq.ParquetWriter(partial, schema, compression="zstd") as file:
        for start in range(0, len(rows), _ROW_GROUP):
            some = rows[start : start + _ROW_GROUP]
            columns = {
                "id": [row.id for row in some],
                "text": [row.text for row in some],
                "label": [row.label if row.shown else None for row in some],
                "split": [row.split for row in some],
            }
            file.write_table(pa.table(columns, schema))


def _holds(rows: Sequence[Row]) -> dict[str, Any]:
    words = np.array([_words(row.text) for row in rows])
    chinese = sum(2 * len(_HAN.findall(row.text)) > len(row.text) for row in rows)
    test = sum(row.split == "test" for row in rows)
    shown = sum(row.shown for row in rows)
    return {
        "rows": {"labelled": shown - test, "unlabelled": len(rows) - shown, "test": test},
        "classes": len({row.label for row in rows}),
        "originals": len({row.id.rpartition("-")[0] for row in rows}),
        "chinese": round(chinese / len(rows), _DIGITS),
        "words": {
            f"{share}%": float(np.percentile(words, share, method="nearest")) for share in (1, 10, 50, 90, 99)
        },
        "pieces": dict(Counter(row.label.partition("/")[0] for row in rows).most_common()),
    }


def _fitted(corpus: Path, budget: float) -> dict[str, Any]:
    facts, saved = measured.by_command(corpus, "--encoder", "static", "--budget", f"{budget:g}")
    gain = saved["test_gain"]
    return {
        **facts,
        "accuracy": round(100 * saved["test"]["accuracy"], _DIGITS),
        "graph_free_accuracy": round(100 * saved["test_graph_free"]["accuracy"], _DIGITS),
        "test_gain": None if gain is None else [round(points, _DIGITS) for points in gain],
        "chosen": saved["chosen"],
        "selection": saved["selection"],
        "candidates": measured.tried(one["note"] for one in saved["candidates"]),
        "stages": {stage: round(spent, 2) for stage, spent in saved["seconds"].items()},
    }


def main(arguments: list[str] | None = None) -> int:
    """Fit all sizes; with ``--sizes`` or ``--budget`` only try the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--sizes", type=int, nargs="+", metavar="N", help="smoke run of these sizes; no result is written"
    )
    parser.add_argument("--budget", type=float, help="smoke run with so many seconds; no result is written")
    parser.add_argument("--only-corpus", action="store_true", help="write the corpora anew and stop")
    given = parser.parse_args(arguments)
    sizes = tuple(given.sizes or BUDGETS)
    if given.only_corpus:
        build(sizes, _WORK)
    elif given.sizes is None and given.budget is None:
        run(Path(__file__).parent / "results")
    else:
        for size in sizes:
            sized(size, given.budget or BUDGETS.get(size, BUDGETS[10_000]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
