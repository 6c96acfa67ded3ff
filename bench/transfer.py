"""What the benchmarks of pre-trained networks share: texts as nodes of a graph, and networks over it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
from torch import nn

import protocols
from graphtune.encoder import Tfidf, from_name
from graphtune.graph import Given, Neighbours, Rows, TextGraph
from graphtune.initial import Initial
from graphtune.layer import GIN, GraphLayer
from graphtune.model import Model, Task
from graphtune.select import FeatureMaker
from graphtune.select.spared import scaled
from graphtune.strategy import Strategy
from graphtune.table import Links, Table
from graphtune.train import History, Training, train

_PATIENCE = 30  # epochs
_NEIGHBOURS = Neighbours(15, 1.0)


@dataclass(frozen=True)
class Shape:
    """The layers of a network."""

    layer: type[GraphLayer] = GIN
    width: int = 300
    depth: int = 2
    dropout: float = 0.5
    hidden: int | None = 600  # inside GIN's perceptron

    def made(self, inputs: int, classes: int, seed: int) -> Model:
        """Return a network with random weights."""
        make: Any = self.layer
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            sizes = [inputs] + [self.width] * self.depth
            more = {"hidden": self.hidden} if self.layer is GIN else {}
            layers = [make(a, b, **more) for a, b in pairwise(sizes)]
            return Model(layers, nn.Linear(self.width, classes), dropout=self.dropout).eval()


@dataclass(frozen=True, eq=False)
class Corpus:
    """Texts with their rows and their graph, and which of them are labelled for what."""

    table: Table
    features: torch.Tensor  # [rows, width]
    graph: TextGraph

    @classmethod
    def read(
        cls, dataset: str, encoder: str, seed: int, *, most: int, smoke_rows: int | None = None
    ) -> "Corpus":
        """Return a data set, of which ``most`` rows at most are kept.

        Raises:
            AbsentDataError: it is not there.
        """
        table, links = protocols.read(protocols.Protocol(dataset), seed, smoke_rows)
        kept = _kept(table, most, seed)
        texts, ids = tuple(table.texts[row] for row in kept), tuple(table.ids[row] for row in kept)
        named = from_name(encoder)
        fitted = named.fit(texts)
        x = FeatureMaker(fitted, fitted if isinstance(named, Tfidf) else None).features(texts).meaning
        builder = _NEIGHBOURS if links is None else Given()
        graph = builder.build(Rows(ids, texts, x, None if links is None else _among(links, ids))).graph
        return cls(_cut(table, kept), scaled(x), graph)

    def labelled(self, per_class: int | None, seed: int) -> Task:
        """Return what there is to learn from so many training rows a class (None = all), val rows judging.

        Test rows are nodes whose labels are hidden.
        """
        table = self.table
        names = ["" if label < 0 else table.classes[label] for label in table.labels]
        able, val = (protocols.labelled(table, part) for part in ("train", "val"))
        if not len(val):
            order = np.random.default_rng(seed).permutation(able)
            val, able = np.sort(order[: len(able) // 5]), np.sort(order[len(able) // 5 :])
        rows = able if per_class is None else protocols.drawn(names, able, per_class, seed)
        known = np.full_like(table.labels, -1)
        known[rows], known[val] = table.labels[rows], table.labels[val]
        return Task(
            self.features,
            self.graph,
            torch.from_numpy(known),
            len(table.classes),
            torch.from_numpy(rows),
            torch.from_numpy(val),
        )

    def accuracy(self, model: Model, task: Task | None = None) -> float:
        """Return the accuracy on test rows, or on those that judge a task, %."""
        rows = protocols.labelled(self.table, "test") if task is None else task.val.numpy()
        with torch.no_grad():
            told = model.eval().logits(self.features, self.graph).argmax(1).numpy()
        return self.right(told[rows], rows)

    def right(self, told: np.ndarray, rows: np.ndarray) -> float:
        """Return the share of ``rows`` whose classes were told right, %."""
        return 100 * float((told == self.table.labels[rows]).mean())


def pretrained(
    corpus: Corpus, shape: Shape, objective: Initial, seed: int
) -> tuple[dict[str, torch.Tensor], float]:
    """Return layers that an objective has trained on all texts, without a label, and its seconds."""
    model = shape.made(corpus.features.shape[1], 1, seed)
    task = corpus.labelled(None, seed)
    hidden = Task(task.features, task.graph, torch.full_like(task.labels, -1), 1, task.train, task.val[:0])
    history = train(objective, model, hidden, Training(), seed=seed)
    return {name: tensor.clone() for name, tensor in model.layers.state_dict().items()}, history.seconds


def tuned(
    corpus: Corpus,
    task: Task,
    shape: Shape,
    start: dict[str, torch.Tensor] | None,
    strategy: Strategy,
    seed: int,
) -> tuple[Model, History]:
    """Train a network from layers (None = random ones); return it, and how it went."""
    model = shape.made(corpus.features.shape[1], task.classes, seed)
    if start is not None:
        model.layers.load_state_dict(start)
    history = train(strategy, model, task, Training(patience=_PATIENCE), seed=seed)
    return model, history


def gained(found: Sequence[float], base: Sequence[float]) -> dict[str, Any]:
    """Return the mean accuracy, and its gain on ``base`` over the same seeds with its standard deviation."""
    gains = [one - other for one, other in zip(found, base, strict=True)]
    return {
        "accuracy": round(fmean(found), 2),
        "gain": round(fmean(gains), 2),
        "deviation": round(stdev(gains), 2) if len(gains) > 1 else None,
    }


def _kept(table: Table, most: int, seed: int) -> np.ndarray:
    """Return the rows that stay, in their order; drawn where there are too many."""
    if len(table) <= most:
        return np.arange(len(table))
    return np.sort(np.random.default_rng(seed).permutation(len(table))[:most])


def _cut(table: Table, rows: np.ndarray) -> Table:
    from graphtune.table import from_lists

    names = [None if table.labels[row] < 0 else table.classes[table.labels[row]] for row in rows]
    texts, ids = ([one[row] for row in rows] for one in (table.texts, table.ids))
    return from_lists(texts, names, ids, [table.split[row] for row in rows], keep_rare=True)


def _among(links: Links, ids: tuple[str, ...]) -> Links:
    known = frozenset(ids)
    pairs = [(a, b) for a, b in zip(links.source, links.target, strict=True) if a in known and b in known]
    return Links(tuple(a for a, _ in pairs), tuple(b for _, b in pairs))
