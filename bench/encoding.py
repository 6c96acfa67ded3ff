"""How fast texts are encoded, beside sentence-transformers as it is usually called, with the same weights.

    python bench/encoding.py [DATASET...] [--rows N] [--turns T]

The same texts in turn, in a process each, beside probes of the processor's limit; then how alike the rows
are, and whether logistic regression on them labels test texts equally well. Ours does not use its cache.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import limits
import protocols
import recording
import smoke
import surroundings
from contest import Way, contest, ratio

NAME = "encoding"
BARS = {"r8": 3.0, "banking77": 3.0, "20ng_body": 2.5}  # times as fast
LEAST_COSINE, MOST_LOST = 0.999, 0.2  # median over the texts; points of accuracy
LEAST_SHARE = 0.7  # of the bfloat16 product's rate, on R8
_TIMED = {"r8": 1000, "banking77": 5000, "20ng_body": 1000}  # texts
_JUDGED = (3000, 2000)  # training and test rows, at most
_TURNS = 5
_STRENGTH = 10.0  # C of the logistic regression

Encode = Callable[[], np.ndarray]


def run(out: Path, names: Sequence[str] = tuple(BARS)) -> None:
    """Measure every data set that is there, and write the results."""
    recording.record(out / NAME, names, lambda name: measured(name, _TIMED[name], _TURNS, _JUDGED), line)


def measured(name: str, timed: int, turns: int, judged: tuple[int, int]) -> dict[str, Any]:
    """Time both on ``timed`` texts, and judge both on ``judged`` training and test rows."""
    table, _ = protocols.read(protocols.Protocol(name), 0)
    random = np.random.default_rng(0)
    rows = {part: random.permutation(protocols.labelled(table, part)) for part in ("train", "test")}
    texts = tuple(table.texts[row] for row in rows["train"][:timed])
    ways = [Way("graphtune", ours, (texts,)), Way("sentence-transformers", theirs, (texts,))]
    found = contest([*ways, *limits.ways("float32", "bfloat16")], turns=turns)
    cosine = (found["graphtune"].told * found["sentence-transformers"].told).sum(axis=1)
    limit, work = limits.facts(found), gigaflops(texts)
    rate = work / found["graphtune"].median
    bar = BARS[name]
    speed = ratio(found["sentence-transformers"], found["graphtune"])
    accuracy = _accuracy(table, rows, judged)
    # Both have two digits, which a difference of binary numbers has not.
    lost = round(accuracy["sentence-transformers"] - accuracy["graphtune"], 2)
    met = speed["median"] >= bar and float(np.median(cosine)) >= LEAST_COSINE and lost <= MOST_LOST
    return {
        "dataset": name,
        "texts": len(texts),
        "gigaflops_a_text": round(work / len(texts), 4),
        "ways": {way.name: found[way.name].facts() for way in ways},
        "texts_per_second": {way.name: round(len(texts) / found[way.name].median, 1) for way in ways},
        "ratio": speed,
        "cosine": {"median": round(float(np.median(cosine)), 6), "least": round(float(cosine.min()), 6)},
        "accuracy": accuracy,
        "limit": limit,
        "gflop_per_s": round(rate, 1),
        "share_of_limit": round(rate / limit["bfloat16_gflop_per_s"], 3),
        "bar": {"ratio": bar, "median_cosine": LEAST_COSINE, "points_lost": MOST_LOST},
        "met": met,
        **surroundings.facts("sentence-transformers"),
    }


def ours(texts: Sequence[str]) -> Encode:
    """Prepare the encoder as it is, without the cache on disk."""
    from graphtune.encoder import Transformer

    encoder = Transformer()
    encoder.encode(["to load the weights"])
    return lambda: encoder.encode(texts).numpy()


def theirs(texts: Sequence[str]) -> Encode:
    """Prepare sentence-transformers with its own settings."""
    from sentence_transformers import SentenceTransformer

    from graphtune.encoder.directory import packaged_minilm

    encoder = SentenceTransformer(str(packaged_minilm()), device="cpu")
    asked = list(texts)
    return lambda: np.asarray(encoder.encode(asked, normalize_embeddings=True, show_progress_bar=False))


def gigaflops(texts: Sequence[str]) -> float:
    """Return what the matrix products of MiniLM-L6 cost for the tokens of ``texts``, padding aside."""
    from graphtune.encoder import Transformer
    from graphtune.encoder.directory import json_file
    from graphtune.encoder.loading import LoadedTransformer
    from graphtune.encoder.precision import chosen_device, chosen_format

    encoder, device = Transformer(), chosen_device("cpu")
    loaded = LoadedTransformer.load(encoder.directory, device, chosen_format("float32", device))
    settings = json_file(encoder.directory / "config.json")
    width, inner, depth = (
        settings["hidden_size"],
        settings["intermediate_size"],
        settings["num_hidden_layers"],
    )
    lengths = np.array([len(tokens) for tokens in loaded.tokens(list(texts), encoder.max_tokens)], float)
    linear = 2 * lengths * (4 * width * width + 2 * width * inner)
    attention = 2 * 2 * lengths**2 * width
    return float(depth * (linear + attention).sum() / 1e9)


def _accuracy(table: Any, rows: dict[str, np.ndarray], judged: tuple[int, int]) -> dict[str, float]:
    """Return the accuracy in % of logistic regression on each way's rows."""
    from sklearn.linear_model import LogisticRegression

    teach, test = rows["train"][: judged[0]], rows["test"][: judged[1]]
    texts = tuple(table.texts[row] for row in [*teach, *test])
    found = contest(
        [Way("graphtune", ours, (texts,)), Way("sentence-transformers", theirs, (texts,))], turns=1, warm=0
    )
    accuracy = {}
    for name, one in found.items():
        head = LogisticRegression(C=_STRENGTH, max_iter=2000)
        head.fit(one.told[: len(teach)], table.labels[teach])
        accuracy[name] = round(100 * head.score(one.told[len(teach) :], table.labels[test]), 2)
    return accuracy


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    ours_, theirs_ = result["texts_per_second"].values()
    return (
        f"{result['dataset']}: graphtune {ours_} texts/s, sentence-transformers {theirs_}: "
        f"{result['ratio']['median']} times as fast (bar {result['bar']['ratio']}); cosine "
        f"{result['cosine']['median']}, accuracy {result['accuracy']}; "
        f"{result['share_of_limit']:.0%} of the limit"
    )


def main() -> int:
    """Measure; with ``--rows`` or ``--turns`` only try the script."""

    def tried(name: str, rows: int | None, turns: int | None) -> str:
        size = rows or _TIMED[name]
        return line(measured(name, size, turns or _TURNS, (2 * size, size)))

    return smoke.main(__doc__, run, tried, sizes=smoke.ROWS | smoke.TURNS, named="dataset", names=tuple(BARS))


if __name__ == "__main__":
    sys.exit(main())
