"""A graph neural network trained on the labelled nodes."""

import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final, cast

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.graph import Sampler, TextGraph
from graphtune.initial import Initial, Pretrained, Usual
from graphtune.layer import GCN, GraphLayer
from graphtune.model import Model, Task
from graphtune.select.data import Data, NewRows
from graphtune.select.features import DenseView, View, check_dense
from graphtune.select.outcome import Family
from graphtune.select.spared import lesson, scaled
from graphtune.select.trained import bytes_of, learned_of, seeded, tensors_of, trained
from graphtune.strategy import Full, Growing, Strategy
from graphtune.strategy.started import Started
from graphtune.train import History, Reached, Training, train

OF_LAYERS: Final = ("heads", "hops")  # what a network can tell its layers

_SAMPLED_ROWS = 1024  # training rows a batch, where the graph is sampled
_SAMPLED_HOPS = 4  # a sample that reaches further holds most of the graph


@dataclass(frozen=True)
class Network:
    """``depth`` graph layers with ReLU and dropout between, then a linear head."""

    layer: type[GraphLayer] = GCN
    view: DenseView = "meaning"
    graph: str = "meaning"
    width: int = 64
    depth: int = 2
    dropout: float = 0.5
    strategy: Strategy = Full(rate=0.01, decay=5e-3, epochs=60)
    initial: Initial = field(default_factory=Usual)  # how its weights start
    # Edges × width up to which every step reads the whole graph; 2^30 are about 10 s an epoch on two cores.
    whole_up_to: int = 1 << 30
    fanouts: tuple[int, ...] = (15, 10)  # else, neighbours drawn at each hop; further hops take the last
    heads: int | None = None  # of attention layers; None = the layer's own default
    hops: int | None = None  # that each layer reaches, where it can be told; None = the layer's own default

    def __post_init__(self) -> None:
        check_dense(self.view, "Network")
        Sampler(self.fanouts)
        if self.settings:
            # On no device nothing is allocated or drawn: only the layer's own checks run.
            with torch.device("meta"):
                self._layer(self.width, self.width)

    @property
    def settings(self) -> dict[str, int]:
        """What the layer is told beside its widths.

        Raises:
            PlanError: the layer cannot be told so.
        """
        given = {name: value for name in OF_LAYERS if (value := getattr(self, name)) is not None}
        for name in given.keys() - takes(self.layer):
            raise PlanError(
                f"{name} = {given[name]} was set, but the layer {self.layer.__name__} has no {name}.",
                fix=f"leave {name} out, or choose a layer that has {name}.",
            )
        return given

    @property
    def family(self) -> Family:
        """It reads a graph through learned layers."""
        return "network"

    @property
    def graphs(self) -> frozenset[str]:
        """The one graph."""
        return frozenset({self.graph})

    @property
    def views(self) -> frozenset[View]:
        """The one view."""
        return frozenset({self.view})

    @property
    def reads(self) -> frozenset[View]:
        """The one view."""
        return frozenset({self.view})

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> "FittedNetwork":
        """Train on the labels of ``rows`` only; of many, some are spared to decide when to stop.

        Over a graph whose edges × width are more than ``whole_up_to``, a step reads a batch of rows with a
        sample of their neighbours; the nodes' probabilities are exact, worked out in blocks of rows.

        Raises:
            OutOfTime: the data's deadline came before the end of training.
            PlanError: it starts from a saved network that is not like it, or that read other features.
        """
        data.check_single("Network")
        if isinstance(self.initial, Pretrained):
            self.initial.check_reads(self.view, data.features.maker.encoder.fingerprint)
        graph = data.graphs[self.graph].graph
        x = scaled(data.features.dense(self.view))
        told = lesson(data, rows, seed)
        task = Task(x, graph, told.labels, data.classes, told.learn, told.stop, told.weights)
        model, settings = self._untrained(x, graph, data.classes, seed)
        strategy = Started(self.initial, self.strategy)
        history = trained(strategy, model, task, settings, data, seed)
        nodes = _probabilities(model, x, graph, in_blocks=settings.sampler is not None)
        # The initialisation's phases are over before, and every strategy learns the most in its last one.
        learned = history.phases[-1].learned
        return FittedNetwork(self, model, nodes.numpy(), learned, history.reached)

    def started(
        self,
        features: Float32[Tensor, "N F"],
        graph: TextGraph,
        *,
        seed: int,
        into: Path | None = None,
        resume: bool = False,
    ) -> tuple[Model, History]:
        """Return the network as ``initial`` alone leaves it, which reads no label; its head is untrained.

        What lies in ``into`` is resumed as by `train`, and errors are as there.
        """
        x = scaled(features)
        model, settings = self._untrained(x, graph, 1, seed)
        every = torch.arange(len(x))
        task = Task(x, graph, torch.full((len(x),), -1), 1, every, every[:0])
        return model, train(self.initial, model, task, settings, seed=seed, into=into, resume=resume)

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> "FittedNetwork":
        """Return a saved network."""
        width = data.features.dense(self.view).shape[1]
        model = self._model(width, data.classes)
        if isinstance(self.strategy, Growing):
            self.strategy.grown(model, width)
        model.load_state_dict(dict(tensors))
        return FittedNetwork(self, model, np.zeros((0, data.classes), dtype=np.float32))

    def __str__(self) -> str:
        usual = isinstance(self.strategy, Full)
        told = "".join(f", {value} {name}" for name, value in self.settings.items())
        how = told if usual else f"{told}, {type(self.strategy).__name__}"
        how += "" if isinstance(self.initial, Usual) else f", {type(self.initial).__name__} start"
        return f"{self.layer.__name__}({self.view} over {self.graph}, {self.depth}×{self.width}{how})"

    def _untrained(self, x: Tensor, graph: TextGraph, classes: int, seed: int) -> tuple[Model, Training]:
        with seeded(seed):
            model = self._model(x.shape[1], classes)
            reaching = deepcopy(model)
            if isinstance(self.strategy, Growing):
                # What a strategy adds may reach further than the layers.
                self.strategy.grown(reaching, x.shape[1])
        sampler = self._sampler(graph, reaching.hops)
        batch_rows = None if sampler is None else _SAMPLED_ROWS
        return model, Training(batch_rows=batch_rows, sampler=sampler, patience=15)

    def many(self, graph: TextGraph, hops: int) -> bool:
        """Whether a graph is too large to be read as a whole by layers that reach so many hops."""
        return graph.edges * self.width > self.whole_up_to and 0 < hops <= _SAMPLED_HOPS

    def _sampler(self, graph: TextGraph, hops: int) -> Sampler | None:
        if not self.many(graph, hops):
            return None
        return Sampler((self.fanouts + self.fanouts[-1:] * hops)[:hops])

    def _model(self, inputs: int, classes: int) -> Model:
        sizes = [inputs] + [self.width] * self.depth
        layers = [self._layer(a, b) for a, b in pairwise(sizes)]
        return Model(layers, nn.Linear(self.width, classes), dropout=self.dropout).eval()

    def _layer(self, inputs: int, outputs: int) -> nn.Module:
        # A protocol's constructor is not part of it: every layer is made as layer(inputs, outputs).
        return cast(Callable[..., nn.Module], self.layer)(inputs, outputs, **self.settings)


def takes(layer: type[GraphLayer]) -> frozenset[str]:
    """Return which of ``OF_LAYERS`` a layer can be told when it is made."""
    return frozenset(OF_LAYERS).intersection(inspect.signature(layer).parameters)


@dataclass(frozen=True, eq=False)
class FittedNetwork:
    """A trained network."""

    candidate: Network
    model: Model
    nodes: Float32[np.ndarray, "N C"]  # none where it was restored
    trained: int | None = None  # numbers that its strategy learned
    reached: Reached | None = None  # what its weights took; None where no spared rows chose them

    def at(self, data: Data, nodes: Int64[np.ndarray, " M"]) -> Float32[np.ndarray, "M C"]:
        """Return class probabilities of some nodes; a restored network works those of all nodes out."""
        if len(self.nodes):
            return self.nodes[nodes]
        candidate, graph = self.candidate, data.graphs[self.candidate.graph].graph
        x = scaled(data.features.dense(candidate.view))
        in_blocks = candidate.many(graph, self.model.hops)
        return _probabilities(self.model, x, graph, in_blocks=in_blocks).numpy()[nodes]

    def attach(self, data: Data, new: NewRows) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of new rows, within the part of the graph that reaches them."""
        candidate, built = self.candidate, data.graphs[self.candidate.graph]
        whole = new.attachment(candidate.graph, built).extend(built.graph)
        count, stored = len(new.features), built.graph.nodes
        fresh = torch.arange(stored, stored + count)
        near = whole.reach(fresh, self.model.hops)
        x = scaled(torch.cat([data.features.dense(candidate.view), new.features.dense(candidate.view)]))
        return _probabilities(self.model, x[near], whole.part(near))[-count:].numpy()

    def tensors(self) -> dict[str, Tensor]:
        """Return the network's parameters."""
        return tensors_of(self.model)

    @property
    def learned(self) -> int:
        """Of the last phase of its strategy; a restored network counts all parameters."""
        return learned_of(self.trained, self.model)

    @property
    def size(self) -> int:
        """Bytes of its parameters and of the nodes' probabilities."""
        return self.nodes.nbytes + bytes_of(self.tensors().values())


@torch.inference_mode()
def _probabilities(model: Model, x: Tensor, graph: TextGraph, *, in_blocks: bool = False) -> Tensor:
    logits = model.eval().logits_in_blocks if in_blocks else model.eval().logits
    return torch.softmax(logits(x, graph), dim=1).clone()
