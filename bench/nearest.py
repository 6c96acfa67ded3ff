"""How fast the nearest rows of every row are found, beside faiss's exact search.

    python bench/nearest.py [--rows N] [--turns T]

50,000 rows of 384 features and norm 1, drawn round 500 centres; the 16 nearest others of each by cosine.
faiss has built its index before the clock starts and runs with its own number of threads. Some rows are
then searched in float64: a neighbour counts if it is as near as the true 16th.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import limits
import smoke
import surroundings
from contest import Way, contest, ratio
from graphtune.artefact import write_json

NAME = "nearest"
BAR, LEAST_RECALL = 1.0, 0.99  # times as fast; share of the neighbours
_ROWS, _WIDTH, _NEAREST, _TURNS = 50_000, 384, 16, 3
_CENTRES, _NOISE = 500, 0.7  # standard deviation round a centre, where the centres' own is 1
_JUDGED = 1000  # rows searched in float64
_SLACK = 1e-6  # of a cosine

Search = Callable[[], tuple[np.ndarray, int]]  # neighbours, and the threads that found them


def run(out: Path) -> None:
    """Measure, and write the result."""
    result = measured(_ROWS, _TURNS)
    write_json(out / NAME / "mixture.json", result)
    print(line(result), flush=True)


def measured(rows: int, turns: int) -> dict[str, Any]:
    """Time both in turn on the same rows, and judge what they found."""
    ways = [Way("graphtune", ours, (rows, _NEAREST)), Way("faiss", theirs, (rows, _NEAREST))]
    found = contest([*ways, *limits.ways("float32")], turns=turns)
    features = mixture(rows).numpy()
    told = {name: found[name].told for name in ("graphtune", "faiss")}
    near = {"graphtune": told["graphtune"][0], "faiss": without_self(told["faiss"][0])}
    recalls = {name: round(recall(features, one), 5) for name, one in near.items()}
    speed, limit = ratio(found["faiss"], found["graphtune"]), limits.facts(found)
    rates = {way.name: 2e-9 * rows**2 * _WIDTH / found[way.name].median for way in ways}
    most = limit.get("float32_gflop_per_s")
    return {
        "data": {"rows": rows, "width": _WIDTH, "centres": _CENTRES, "noise": _NOISE, "nearest": _NEAREST},
        "ways": {way.name: found[way.name].facts() for way in ways},
        "threads": {name: one[1] for name, one in told.items()},
        "ratio": speed,
        "recall": recalls,
        "judged_rows": min(_JUDGED, rows),
        "gflop_per_s": {name: round(rate, 1) for name, rate in rates.items()},
        "limit": limit,
        "share_of_limit": {name: round(rate / most, 3) for name, rate in rates.items()} if most else None,
        "bar": {"ratio": BAR, "recall": LEAST_RECALL},
        "met": speed["median"] >= BAR and recalls["graphtune"] >= LEAST_RECALL,
        **surroundings.facts("faiss-cpu"),
    }


def ours(rows: int, k: int) -> Search:
    """Prepare the search that neighbour graphs are built from."""
    from graphtune.graph.nearest import nearest

    features = mixture(rows)

    def work() -> tuple[np.ndarray, int]:
        # A search is remembered for a tensor: each turn has its own.
        near = nearest(features.detach(), k).columns
        return near[:, :k].numpy(), torch.get_num_threads()

    return work


def theirs(rows: int, k: int) -> Search:
    """Prepare faiss's flat index of inner products; each row is found among its own nearest."""
    import faiss

    features = mixture(rows).numpy()
    index = faiss.IndexFlatIP(features.shape[1])
    index.add(features)
    return lambda: (index.search(features, k + 1)[1], faiss.omp_get_max_threads())


def mixture(rows: int) -> Tensor:
    """Return rows of norm 1 round centres, as texts lie round topics; the same whenever it is called."""
    random = torch.Generator().manual_seed(0)
    centres = torch.randn(_CENTRES, _WIDTH, generator=random)
    chosen = torch.randint(_CENTRES, (rows,), generator=random)
    noise = torch.randn(rows, _WIDTH, generator=random)
    return torch.nn.functional.normalize(centres[chosen] + _NOISE * noise)


def without_self(near: np.ndarray) -> np.ndarray:
    """Drop each row's own number, or, where equal rows crowd it out, the last one."""
    other = near != np.arange(len(near))[:, None]
    other[other.all(axis=1), -1] = False
    return near[other].reshape(len(near), -1)


def recall(features: np.ndarray, near: np.ndarray) -> float:
    """Return the share of neighbours that are as near as the k-th of an exact search, on some rows."""
    asked = np.random.default_rng(0).permutation(len(features))[:_JUDGED]
    cosines = features[asked].astype(np.float64) @ features.T.astype(np.float64)
    cosines[np.arange(len(asked)), asked] = -np.inf
    k = near.shape[1]
    least = np.partition(cosines, -k, axis=1)[:, -k, None]
    return float((np.take_along_axis(cosines, near[asked], axis=1) >= least - _SLACK).mean())


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    own, other = (one["median_s"] for one in result["ways"].values())
    found, bar = result["recall"]["graphtune"], result["bar"]
    return (
        f"{result['data']['rows']} rows: graphtune {own} s, faiss {other} s: {result['ratio']['median']} "
        f"times as fast (bar {bar['ratio']}); recall {found} (bar {bar['recall']})"
    )


def main() -> int:
    """Measure; with ``--rows`` or ``--turns`` only try the script."""

    def tried(rows: int | None, turns: int | None) -> str:
        return line(measured(rows or _ROWS, turns or _TURNS))

    return smoke.main(__doc__, run, tried, sizes=smoke.ROWS | smoke.TURNS)


if __name__ == "__main__":
    sys.exit(main())
