"""How fast a saved model answers, beside sentence-transformers and logistic regression in the same process.

    python bench/latency.py [--rows N]

Both learn from the bundled banking77 without its test rows, so that no test text is in the cache when it is
predicted. One text at a time: the median and the 95th percentile; then all in one call.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import protocols
import smoke
import surroundings
from graphtune import progress
from graphtune.artefact import write_json
from graphtune.encoder.directory import packaged_minilm
from graphtune.plan import Plan
from graphtune.run import fit_table, load
from graphtune.table import Columns, Table, read_table

NAME = "latency"
MOST_MS = 12.0  # median of one text at a time
_SINGLE = 200  # texts predicted one at a time
_WARM = 10  # texts before them that are not counted
_BUDGET = 45.0  # seconds to choose within
_STRENGTH = 10.0  # C of the logistic regression

Predict = Callable[[Sequence[str]], object]


def run(out: Path) -> None:
    """Measure, and write the result."""
    result = measured(None, _BUDGET)
    write_json(out / NAME / "banking77-few5.json", result)
    print(line(result), flush=True)


def measured(rows: int | None, budget: float, encoder: str = "minilm") -> dict[str, Any]:
    """Fit both on the labelled rows, the first ``rows`` unlabelled ones in the graph, and time them."""
    whole = read_table(protocols.BUNDLED, Columns("text", "label", "split", "id"), purpose="fit")
    train = _part(whole, "train", rows)
    texts = list(_part(whole, "test", rows).texts)
    with tempfile.TemporaryDirectory() as name, _own_cache(Path(name) / "cache"):
        place = Path(name) / "model"
        chosen = fit_table(
            train, plan=Plan(encoder=encoder, budget_seconds=budget), into=place
        ).outcome.chosen
        model = load(place)
        ours = _timed(model.probabilities, texts)
        theirs = _timed(_sentence_transformers(train), texts)
    return {
        "dataset": "banking77, 5 labels a class",
        "chosen": chosen,
        "graphtune": ours,
        "sentence_transformers": theirs,
        "ratio": {name: round(ours[name] / theirs[name], 3) for name in ours},
        "bar": {"p50_ms": MOST_MS},
        "met": ours["p50_ms"] <= MOST_MS,
        **surroundings.facts(),
    }


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    parts = [
        f"{name}: {one['p50_ms']} ms (p95 {one['p95_ms']}), {one['texts_per_second']} texts/s"
        for name, one in result.items()
        if name in ("graphtune", "sentence_transformers")
    ]
    return "; ".join(parts)


def _part(table: Table, part: str, rows: int | None) -> Table:
    at = np.flatnonzero(np.array(table.split) == part)
    at = at[np.argsort(table.labels[at] < 0, kind="stable")]  # the labelled ones first
    if rows is not None:
        known = int((table.labels[at] >= 0).sum()) if part == "train" else 0
        at = at[: known + rows]
    ids, texts, split = (tuple(column[row] for row in at) for column in (table.ids, table.texts, table.split))
    return replace(table, ids=ids, texts=texts, labels=table.labels[at], split=split)


class _own_cache:  # noqa: N801 - read as a verb after "with"
    def __init__(self, place: Path) -> None:
        self.place = place

    def __enter__(self) -> None:
        self.before = os.environ.get("GRAPHTUNE_CACHE")
        os.environ["GRAPHTUNE_CACHE"] = str(self.place)

    def __exit__(self, *_: object) -> None:
        if self.before is None:
            del os.environ["GRAPHTUNE_CACHE"]
        else:
            os.environ["GRAPHTUNE_CACHE"] = self.before


def _sentence_transformers(train: Table) -> Predict:
    from sentence_transformers import SentenceTransformer
    from sklearn.linear_model import LogisticRegression

    encoder = SentenceTransformer(str(packaged_minilm()), device="cpu")
    at = protocols.labelled(train, "train")

    def encode(texts: Sequence[str]) -> np.ndarray:
        return np.asarray(encoder.encode(list(texts), normalize_embeddings=True, show_progress_bar=False))

    known = encode([train.texts[row] for row in at])
    head = LogisticRegression(C=_STRENGTH, max_iter=1000).fit(known, train.labels[at])
    return lambda texts: head.predict_proba(encode(texts))


def _timed(predict: Predict, texts: list[str]) -> dict[str, float]:
    """Time single texts, then the texts after them in one call; no text is asked twice."""
    count = min(_SINGLE, len(texts) // 3)
    for text in texts[:_WARM]:
        predict([text])
    spent = []
    for text in texts[_WARM : _WARM + count]:
        start = time.perf_counter()
        predict([text])
        spent.append(1000 * (time.perf_counter() - start))
    rest = texts[_WARM + count :]
    start = time.perf_counter()
    predict(rest)
    rate = len(rest) / (time.perf_counter() - start)
    p50, p95 = np.percentile(spent, [50, 95])
    return {
        "p50_ms": round(float(p50), 2),
        "p95_ms": round(float(p95), 2),
        "texts_per_second": round(rate, 1),
    }


def main() -> int:
    """Measure; with ``--rows`` only try the script."""
    with progress.shown():
        return smoke.main(
            __doc__,
            run,
            lambda rows: line(measured(rows, 5.0)),
            sizes={"rows": "on so many unlabelled and test rows"},
        )


if __name__ == "__main__":
    sys.exit(main())
