"""How a network over molecules is best tuned, by the area under the ROC curve on scaffolds it never saw.

    python bench/molecules.py [SET...]

What examples/molecules.py shows, with five seeds: a PyG GIN is pre-trained on the training molecules of all
sets by restoring masked atoms, and tuned on one in every way. Val molecules choose the epoch; test molecules
are read once. Tuning takes up to 30 epochs (10 on tox21, with twelve tasks), not the example's 10. Needs
RDKit, which graphtune does not install: ``pip install 'graphtune[pyg]' rdkit``.
"""

import importlib.util
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import protocols
import recording
import smoke
import surroundings

NAME = "molecules"
SETS = {"bace": 30, "bbbp": 30, "clintox": 30, "tox21": 10}  # epochs of tuning, at most
RANDOM, FULL = "random start, full", "full"
_SEEDS, _PRETRAINING, _DIGITS = 5, 4, 2
_PACKAGES = {"torch-geometric": "torch_geometric", "rdkit": "rdkit"}  # by what they are installed as
_EXAMPLE = Path(__file__).parents[1] / "examples/molecules.py"


def run(out: Path, names: Sequence[str] = tuple(SETS)) -> None:
    """Measure each set that is there, and write a result for each."""
    recording.record(out / NAME, names, measured, line)


def measured(name: str) -> dict[str, Any]:
    """Pre-train and tune with every seed."""
    example, sets = _read()
    (molecules, parts), every = sets[name], example.unlabelled(sets, name)
    amount = {"epochs": SETS[name], "pretraining": _PRETRAINING}
    each = [example.measured(molecules, parts, every, seed, **amount) for seed in range(_SEEDS)]
    return {
        "dataset": name,
        "split": "scaffold",
        "molecules": {part: len(rows) for part, rows in parts.items()},
        "tasks": molecules[0].y.shape[1],
        "pre_trained_on": len(every),
        "epochs": SETS[name],
        "pretraining_epochs": _PRETRAINING,
        "seeds": _SEEDS,
        "ways": {way: _figures([found[way] for found in each], each) for way in each[0]},
        **surroundings.facts(*_PACKAGES),
    }


def _figures(found: Sequence[tuple[float, float]], each: Sequence[dict[str, Any]]) -> dict[str, Any]:
    areas = [one for one, _ in found]
    gains = [one - whole[FULL][0] for one, whole in zip(areas, each, strict=True)]
    return {
        "area": round(fmean(areas), _DIGITS),
        "areas": [round(one, _DIGITS) for one in areas],
        "gain": round(fmean(gains), _DIGITS),
        "deviation": round(stdev(gains), _DIGITS),
        "share": round(100 * found[0][1], _DIGITS),
    }


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    said = ", ".join(f"{way} {found['area']}" for way, found in result["ways"].items())
    return f"{result['dataset']}: {said} (area under the ROC curve, %)"


@cache
def _read() -> tuple[Any, dict[str, Any]]:
    place = protocols.data_root() / "mol"
    files = {name: place / f"{name}.parquet" for name in SETS}
    if any(importlib.util.find_spec(name) is None for name in _PACKAGES.values()):
        raise protocols.AbsentDataError("PyG or RDKit is not installed: pip install 'graphtune[pyg]' rdkit.")
    if not all(file.is_file() for file in files.values()):
        raise protocols.AbsentDataError(f"{place} does not hold {', '.join(SETS)}; set GRAPHTUNE_DATA.")
    example = _example()
    return example, {name: example.read(file) for name, file in files.items()}


def _example() -> Any:
    spec = importlib.util.spec_from_file_location("molecules_example", _EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Run the sets that are named, or all."""
    return smoke.main(__doc__, run, named="set", names=tuple(SETS))


if __name__ == "__main__":
    sys.exit(main())
