"""A small text task that can be learned, and a tiny encoder with a head for it."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import torch
from torch import nn

from graphtune.encoder import Cache, Transformer
from graphtune.encoder.token_states import TokenIds, TokenStates
from graphtune.encoder.tunable import TunableTransformer
from graphtune.graph import GraphBuilder, TextGraph
from graphtune.layer import GCN
from graphtune.model import CoupledModel, Model, TextModel, TextTask
from graphtune.table import Table, from_lists
from tiny_bert import write_tiny_bert

_WORDS = (("cat", "dog", "mat"), ("red", "blue", "tree"), ("ran", "sat", "quick"))


@lru_cache(maxsize=1)
def tiny() -> Transformer:
    directory = Path(mkdtemp(prefix="graphtune-tiny-"))
    write_tiny_bert(directory)
    return Transformer(str(directory), precision="float32")


def texts(count: int = 48) -> tuple[list[str], torch.Tensor]:
    """Return texts of three classes, each told by one word of three."""
    random = np.random.default_rng(3)
    labels = torch.arange(count) % 3
    found = [" ".join(["the", *random.permutation([*random.choice(_WORDS[c], 2), "on"])]) for c in labels]
    return found, labels


def table(labelled: int = 24) -> Table:
    """Return a table of such texts, 72 to train on and 24 to test; the others have no label."""
    found, truth = texts(96)
    names = [f"class {number}" for number in truth.tolist()]
    split = ["train"] * 72 + ["test"] * 24
    given = [name if row < labelled or row >= 72 else None for row, name in enumerate(names)]
    return from_lists(found, given, split=split)


def small_text_task(frozen: int, *, val: int = 12, teacher: bool = False) -> TextTask:
    found, labels = texts()
    cache = Cache(Path(tiny().name) / "cache")
    given = TokenStates.of(tiny(), found, frozen, cache=cache) if frozen else TokenIds.of(tiny(), found)
    count = len(found) - val
    targets = None
    if teacher:
        targets = 0.1 + 0.7 * nn.functional.one_hot(labels, 3).float()
        known = (torch.arange(len(found)) % 4 == 1) | (torch.arange(len(found)) >= count)
        labels = torch.where(known, labels, -1)
    return TextTask(given, labels, 3, torch.arange(count), torch.arange(count, len(found)), None, targets)


def small_text_model(frozen: int) -> TextModel:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        head = nn.Linear(32, 3)
    return TextModel(TunableTransformer.load(Path(tiny().name), frozen), "mean", head)


def small_graph_task(frozen: int, *, val: int = 12) -> TextTask:
    """Return a task with a quarter of the labels, a teacher that knows most, and a graph over the texts."""
    own = small_text_task(frozen, val=val, teacher=True)
    truth, count = texts()[1], len(own.labels)
    teacher = own.targets.clone()
    teacher[::7] = teacher[::7].roll(1, dims=1)  # it is wrong sometimes
    here = torch.arange(count)
    # Three of the same class, and the next one, which is of another.
    ends = torch.cat([(here + step) % count for step in (3, 6, 9, 1)])
    graph = TextGraph.from_edges(
        torch.cat([ends, here.repeat(4)]), torch.cat([here.repeat(4), ends]), nodes=count
    )
    gold = (own.labels >= 0) & (here < count - val)
    assert (own.labels[gold] == truth[gold]).all()
    return replace(own, targets=teacher, graph=graph, train=here[: count - val])


def gold_only(task: TextTask) -> TextTask:
    """Return the task with its labelled rows to train on."""
    return replace(task, train=task.train[task.labels[task.train] >= 0], targets=None)


def small_coupled_model(frozen: int, texts: int = 48, builder: GraphBuilder | None = None) -> CoupledModel:
    text = small_text_model(frozen)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        network = Model([GCN(32, 5)], nn.Linear(5, 3), dropout=0.3)
    return CoupledModel(text, network, texts, builder=builder).eval()
