"""How soon a network reaches the plain one's best validation score, from MLPInit's weights and from Xavier's.

    python bench/mlp_init.py [--rows N]

The package descriptions of debian with their dependencies, all training labels, the packaged MiniLM, a GCN
of graphtune's usual size. What is to be reached is, for each seed, the highest share of val rows that the
network that started from Xavier's weights gets right after any epoch. Seconds are those of all epochs up to
there, validation included; of MLPInit the epochs without edges count too, and are told apart. Both take turns
in beginning. Training and val rows are the nodes; no test row is read.
"""

import math
import sys
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn

import protocols
import recording
import smoke
import surroundings
from graphtune.encoder import Transformer, from_name
from graphtune.graph import Given, Rows
from graphtune.initial import Initial, MLPInit, Xavier
from graphtune.model import Model, Task
from graphtune.select import FeatureMaker, Network
from graphtune.select.spared import scaled
from graphtune.strategy import Full
from graphtune.strategy.started import Started
from graphtune.table import Links, Table
from graphtune.train import History, Training, train

NAME = "mlp_init"
BAR = 2.0  # times as fast, at least
_ENCODER = "minilm"
_SEEDS = 5
_EPOCHS = 300  # of the network
_NETWORK = Network()
_DIGITS = 3


def run(out: Path) -> None:
    """Measure, and write the result; without the data say so."""
    recording.record(out / NAME, ["debian"], lambda _: measured(None, _ENCODER, _SEEDS, _EPOCHS), line)


def measured(rows: int | None, encoder: str, seeds: int, epochs: int) -> dict[str, Any]:
    """Train from both starts with every seed."""
    table, links = protocols.read(protocols.Protocol("debian"), 0, rows)
    assert links is not None
    task = prepared(table, links, encoder)
    # The first training would pay for what is cached on the graph.
    trained(Xavier(), task, 0, 1)
    found = [_both(task, seed, epochs) for seed in range(seeds)]
    middle = {name: median(_number(one[name]["seconds"]) for one in found) for name in ("xavier", "mlp_init")}
    ratio = middle["xavier"] / middle["mlp_init"]
    return {
        "dataset": "debian, all training labels, links as given",
        "encoder": encoder,
        "network": {"layer": "GCN", "width": _NETWORK.width, "depth": _NETWORK.depth, "epochs": epochs},
        "rows": {"train": len(task.train), "val": len(task.val), "edges": task.graph.edges},
        "seeds": found,
        "reached": sum(one["mlp_init"]["seconds"] is not None for one in found),  # by MLPInit, of all seeds
        "median_s": {name: _known(seconds) for name, seconds in middle.items()},
        "ratio": _known(ratio),
        "bar": BAR,
        "met": ratio >= BAR,
        "threads": torch.get_num_threads(),
        **surroundings.facts(),
    }


def prepared(table: Table, links: Links, encoder: str) -> Task:
    """Return the training and val rows as nodes of the graph of the links among them."""
    nodes = np.flatnonzero(np.array(table.split) != "test")
    place = {int(row): at for at, row in enumerate(nodes)}
    parts = (protocols.labelled(table, part) for part in ("train", "val"))
    learn, judge = (torch.tensor([place[int(row)] for row in part]) for part in parts)
    texts = [table.texts[row] for row in nodes]
    named = from_name(encoder)
    assert isinstance(named, Transformer)
    x = FeatureMaker(named, None).features(texts).meaning
    graph = Given().build(Rows([table.ids[row] for row in nodes], texts, x, links)).graph
    labels = torch.from_numpy(table.labels[nodes])
    return Task(scaled(x), graph, labels, len(table.classes), learn, judge)


def trained(start: Initial, task: Task, seed: int, epochs: int) -> History:
    """Train the network from one start, and let no validation end it."""
    sizes = [task.features.shape[1]] + [_NETWORK.width] * _NETWORK.depth
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [_NETWORK.layer(a, b) for a, b in pairwise(sizes)]  # type: ignore[call-arg]
        model = Model(layers, nn.Linear(_NETWORK.width, task.classes), dropout=_NETWORK.dropout)
    usual = _NETWORK.strategy
    assert isinstance(usual, Full)
    strategy = Started(start, Full(usual.rate, usual.decay, epochs))
    return train(strategy, model, task, Training(patience=None), seed=seed)


def _both(task: Task, seed: int, epochs: int) -> dict[str, Any]:
    starts: dict[str, Initial] = {"xavier": Xavier(), "mlp_init": MLPInit()}
    # The one that begins changes: what the first leaves behind, such as a hot processor, is shared.
    order = sorted(starts, reverse=bool(seed % 2))
    found = {name: trained(starts[name], task, seed, epochs) for name in order}
    score = best(found["xavier"])
    return {
        "seed": seed,
        "score": round(100 * score, _DIGITS),
        **{name: {**reached(found[name], score), "best": _percent(found[name])} for name in starts},
    }


def best(history: History) -> float:
    """Return the highest share of val rows that the network got right after any epoch, 0 … 1."""
    return max(epoch.val_accuracy or 0.0 for epoch in history.phases[-1].epochs)


def reached(history: History, score: float) -> dict[str, Any]:
    """Return the network's epochs up to ``score`` and the seconds of all; None where it is not reached."""
    before = sum(epoch.seconds for phase in history.phases[:-1] for epoch in phase.epochs)
    seconds = before
    for epoch in history.phases[-1].epochs:
        seconds += epoch.seconds
        if (epoch.val_accuracy or 0.0) >= score:
            return {
                "epochs": epoch.epoch,
                "seconds": round(seconds, _DIGITS),
                "of_these_before": round(before, _DIGITS),  # without edges
            }
    return {"epochs": None, "seconds": None, "of_these_before": round(before, _DIGITS)}


def _percent(history: History) -> float:
    return round(100 * best(history), _DIGITS)


def _number(seconds: float | None) -> float:
    return math.inf if seconds is None else seconds


def _known(value: float) -> float | None:
    return round(value, _DIGITS) if math.isfinite(value) else None


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    plain, mlp = (result["median_s"][name] for name in ("xavier", "mlp_init"))
    said = "not reached" if mlp is None else f"{mlp} s"
    return (
        f"Xavier {plain} s to its best validation score, MLPInit {said} (reached with {result['reached']} of "
        f"{len(result['seeds'])} seeds): {result['ratio']} times as fast (bar {result['bar']})"
    )


def main() -> int:
    """Measure; with ``--rows`` only try the script."""
    return smoke.main(__doc__, run, lambda rows: line(measured(rows, _ENCODER, 2, 20)), sizes=smoke.ROWS)


if __name__ == "__main__":
    sys.exit(main())
