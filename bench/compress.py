"""How fast and how good exported and quantised encoders are, beside the transformer as graphtune runs it.

    python bench/compress.py [speed | DATASET...] [--rows N] [--turns T]

``speed``: texts of 16, 64 and 128 tokens, one and 64 at a time, every way in turn, in a process each. A data
set: the accuracy of logistic regression on each way's rows, how near they are to those in float32, and the
size. Nothing is kept in float32 for the sake of quality, so that each way shows what it does by itself.
Where torchao is installed (``pip install --no-deps torchao==0.18.0``), its int8 is timed beside them, as
torch runs it without compiling.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

import protocols
import recording
import smoke
import surroundings
from contest import Timed, Way, contest
from graphtune import progress
from graphtune.encoder import Transformer
from graphtune.encoder.directory import MINILM
from graphtune.encoder.loading import LoadedTransformer
from graphtune.encoder.transformer import encoded

NAME = "compress"
JUDGED = {
    "banking77": protocols.Protocol("banking77", flagged="few5"),
    "trec6": protocols.Protocol("trec6"),
    "sst2": protocols.Protocol("sst2"),
}
SPEED = "speed"
ALL = (SPEED, *JUDGED)
TORCH, EXACT, TORCHAO = "torch", "torch float32", "torchao int8"
QUANTISED: dict[str, Any] = {"int8 token": "token", "int8 batch": "batch", "int8 calibrated": "calibrated"}
EXPORTED = ("onnx float32", *QUANTISED)
SHAPES = tuple((texts, tokens) for tokens in (16, 64, 128) for texts in (1, 64))
_TURNS = 7
_SEEN = 128  # texts that calibrate
_TEST = 2000  # rows at most
_STRENGTH = 10.0  # C of the logistic regression
_SPECIAL = 2  # tokens that a text begins and ends with


def run(out: Path, names: Sequence[str] = ALL) -> None:
    """Measure what is asked for, and write the results."""
    recording.record(out / NAME, names, lambda name: measured(name, None, _TURNS), line)


def measured(name: str, rows: int | None, turns: int, encoder: str = MINILM) -> dict[str, Any]:
    """Measure speed, or the quality on one data set with ``rows`` training and test rows at most."""
    with tempfile.TemporaryDirectory() as folder:
        if name == SPEED:
            found = speed(encoder, Path(folder), turns)
        else:
            found = quality(name, encoder, Path(folder), rows)
    packages = ("onnx", "onnxruntime", "onnxscript", *(["torchao"] if find_spec("torchao") else []))
    return {"piece": name, **found, **surroundings.facts(*packages)}


def made(encoder: str, texts: Sequence[str], folder: Path) -> dict[str, str]:
    """Export an encoder and quantise it in every way; return the directory of each."""
    from graphtune.compress import Int8
    from graphtune.compress.exported import export

    whole = export(Transformer(encoder), folder / "float32")
    places = {EXPORTED[0]: whole.name}
    for name, scales in QUANTISED.items():
        places[name] = Int8(scales, cosine=0.0).quantise(whole, texts, folder / scales).name
    return places


def speed(encoder: str, folder: Path, turns: int) -> dict[str, Any]:
    """Time every way on every shape."""
    texts = worded(encoder, SHAPES)
    places = made(encoder, [some[0] for some in texts], folder)
    ways = [Way(TORCH, asked, (encoder, "auto", texts)), Way(EXACT, asked, (encoder, "float32", texts))]
    ways += [Way(name, asked, (place, "", texts)) for name, place in places.items()]
    if find_spec("torchao"):
        ways.append(Way(TORCHAO, asked_of_torchao, (encoder, texts)))
    found = contest(ways, turns=turns * len(SHAPES), warm=len(SHAPES))
    return {
        "encoder": encoder,
        "texts_per_second": {
            f"{some} × {tokens} tokens": {name: rate(one, at) for name, one in found.items()}
            for at, (some, tokens) in enumerate(SHAPES)
        },
        "peak_mib": {name: round(one.peak_mib, 1) for name, one in found.items()},
        "turns": turns,
    }


def rate(found: Timed, shape: int) -> float:
    """Return the texts a second of one shape; every turn asked for the next one."""
    return round(SHAPES[shape][0] / float(np.median(found.seconds[shape :: len(SHAPES)])), 1)


def asked(encoder: str, precision: str, texts: Sequence[Sequence[str]]) -> Callable[[], int]:
    """Prepare an encoder; each call encodes the next of the shapes, without the cache on disk."""
    from graphtune.encoder import Onnx

    # An exported one has its precision in its files.
    reader = Transformer(encoder, precision=precision) if precision else Onnx(encoder)  # type: ignore[arg-type]
    reader.encode(["to load the weights"])
    turn = count()
    return lambda: len(reader.encode(texts[next(turn) % len(texts)]))


def asked_of_torchao(encoder: str, texts: Sequence[Sequence[str]]) -> Callable[[], int]:
    """Prepare an encoder with int8 weights, and int8 inputs with a scale for each token; else as `asked`."""
    from torchao.quantization import (  # type: ignore[import-not-found]
        Int8DynamicActivationInt8WeightConfig,
        quantize_,
    )

    settings = Transformer(encoder, precision="float32")
    loaded = LoadedTransformer.load(settings.directory, torch.device("cpu"), torch.float32)
    loaded = replace(loaded, fused=None)
    quantize_(loaded.model, Int8DynamicActivationInt8WeightConfig())
    turn = count()

    def work() -> int:
        some = texts[next(turn) % len(texts)]
        return sum(
            len(rows) for rows, _ in encoded(loaded, settings, some, range(len(some)), (settings.depth,))
        )

    return work


def worded(encoder: str, shapes: Sequence[tuple[int, int]]) -> list[list[str]]:
    """Return texts of so many tokens for every shape: of words that are one token each."""
    vocabulary = Transformer(encoder).loaded.tokenizer.get_vocab()
    words = sorted(word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 2)
    random = np.random.default_rng(0)
    return [
        [" ".join(random.choice(words, tokens - _SPECIAL)) for _ in range(texts)] for texts, tokens in shapes
    ]


def quality(name: str, encoder: str, folder: Path, rows: int | None) -> dict[str, Any]:
    """Judge every way's rows of one data set."""
    from graphtune.compress.row_likeness import overlap
    from graphtune.encoder import Onnx

    table, _ = protocols.read(JUDGED[name], 0)
    random = np.random.default_rng(0)
    teach, test = (random.permutation(protocols.labelled(table, part)) for part in ("train", "test"))
    teach, test = teach[:rows], test[: _TEST if rows is None else rows]
    texts = [table.texts[row] for row in (*teach, *test)]
    places = made(encoder, [table.texts[row] for row in teach[:_SEEN]], folder)
    readers: dict[str, Any] = {
        TORCH: Transformer(encoder),
        EXACT: Transformer(encoder, precision="float32"),
        **{way: Onnx(place) for way, place in places.items()},
    }
    exact, ways = readers[EXACT].encode(texts), {}
    for way, reader in readers.items():
        found = reader.encode(texts)
        cosine = (found * exact).sum(dim=1)[len(teach) :]
        ways[way] = {
            "accuracy": _accuracy(found.numpy(), len(teach), table.labels[teach], table.labels[test]),
            "cosine": {"mean": round(float(cosine.mean()), 5), "least": round(float(cosine.min()), 5)},
            "neighbours_kept": round(overlap(exact[len(teach) :], found[len(teach) :]), 4),
            "mib": round(_size(reader) / 2**20, 1),
        }
    return {"encoder": encoder, "labels": JUDGED[name].said, "rows": [len(teach), len(test)], "ways": ways}


def _accuracy(x: np.ndarray, known: int, labels: np.ndarray, truth: np.ndarray) -> float:
    from sklearn.linear_model import LogisticRegression

    head = LogisticRegression(C=_STRENGTH, max_iter=2000).fit(x[:known], labels)
    return round(100 * float(head.score(x[known:], truth)), 2)


def _size(reader: Any) -> int:
    from graphtune.compress.checked import size_of

    return size_of(Path(reader.name), reader)


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    if result["piece"] == SPEED:
        shapes = result["texts_per_second"].items()
        return "; ".join(f"{shape}: {_said(rates)}" for shape, rates in shapes)
    ways = result["ways"].items()
    return f"{result['piece']}: " + "; ".join(
        f"{way} {one['accuracy']} %, cosine {one['cosine']['mean']}, "
        f"neighbours {one['neighbours_kept']:.1%}, {one['mib']} MiB"
        for way, one in ways
    )


def _said(rates: dict[str, float]) -> str:
    return ", ".join(f"{way} {rate} texts/s" for way, rate in rates.items())


def main() -> int:
    """Measure; with ``--rows`` or ``--turns`` only try the script."""

    def tried(name: str, rows: int | None, turns: int | None) -> str:
        return line(measured(name, rows or 200, turns or 1))

    with progress.shown():
        return smoke.main(__doc__, run, tried, sizes=smoke.ROWS | smoke.TURNS, named="piece", names=ALL)


if __name__ == "__main__":
    sys.exit(main())
