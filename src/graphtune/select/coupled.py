"""An encoder and a network over a graph of what it reads, tuned together or in turns.

Source: the strategies': SimTeG 2308.02565, BertGCN 2105.05727, GLEM 2210.14709.
Differs from the papers: new texts are attached to the stored ones, so that all three predict inductively; the
encoder's head starts from logistic regression on the frozen encoder.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar, cast

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn

from graphtune.graph import Attachment, BuiltGraph, Neighbours, Rows, TextGraph
from graphtune.layer import GCN, GraphLayer
from graphtune.model import CoupledModel, Model, TextTask
from graphtune.model.coupled import mixed
from graphtune.select.data import Data, NewRows
from graphtune.select.features import View
from graphtune.select.outcome import Family
from graphtune.select.trained import seeded, trained
from graphtune.select.tuned_reader import (
    TunedReader,
    check_counts,
    cut_model,
    put_back,
    settings_of,
    start_head,
    tokens_of,
    transformer_of,
)
from graphtune.strategy import CoupledStrategy, Staged

_BUILT = "built."  # what names of a graph's tensors begin with
_FACTS = "facts"  # share of the network, and how many numbers were learned


@dataclass(frozen=True)
class Coupled:
    """``depth`` graph layers and a head over the rows of an encoder whose top blocks learn too.

    Raises:
        PlanError: a value is too small to learn anything.
    """

    compared_as: ClassVar[str] = "encoder-graph"
    compared_by: ClassVar[str] = "strategy"
    compared_itself: ClassVar[bool] = False  # its strategies name it
    of_transformers: ClassVar[bool] = True  # other encoders have no blocks

    strategy: CoupledStrategy = field(default_factory=Staged)
    graph: str = "meaning"
    # How the graph is built anew on tuned rows, in place of the one over frozen rows; None = it is kept.
    rebuilt: Neighbours | None = None
    layer: type[GraphLayer] = GCN
    width: int = 64
    depth: int = 2
    dropout: float = 0.5  # in the network
    blocks: int = 3  # from the top, that learn; where there are no more, the embedding learns too
    batch_rows: int = 16  # texts of a step

    def __post_init__(self) -> None:
        check_counts(self, "width", "depth", "blocks", "batch_rows")

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
        """None: what stored texts became is saved with it."""
        return frozenset()

    @property
    def reads(self) -> frozenset[View]:
        """What the head starts from."""
        return frozenset({"meaning"})

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> "FittedCoupled":
        """Learn from the labels of ``rows`` only, and from all texts.

        Raises:
            PlanError: the encoder is no transformer.
            OutOfTime: the data's deadline came before the end of training.
        """
        with seeded(seed):
            model = self._model(data, len(data.labels))
        start_head(model.text, data, rows)
        task = self._task(data, rows, model.text.encoder.frozen)
        settings = settings_of(self.batch_rows)
        history = trained(self.strategy, model, task, settings, data, seed)
        learned = max(phase.learned for phase in history.phases)
        built = None if self.rebuilt is None else model.built()
        return FittedCoupled(self, data, model, built, learned)

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> "FittedCoupled":
        """Return a saved one."""
        model = self._model(data, len(tensors["memory"]))
        extra = {name: t for name, t in tensors.items() if name.startswith(_BUILT) or name == _FACTS}
        put_back({name: t for name, t in tensors.items() if name not in extra}, model)
        model.share = float(tensors[_FACTS][0])
        built = None if self.rebuilt is None else _built(self.rebuilt, extra, model.memory)
        return FittedCoupled(self, data, model, built, int(tensors[_FACTS][1]), fresh=False)

    def __str__(self) -> str:
        over = f"{self.graph} built anew" if self.rebuilt else self.graph
        how = f"{type(self.strategy).__name__}, top {self.blocks} blocks"
        return f"encoder and {self.layer.__name__}(over {over}, {self.depth}×{self.width}, {how})"

    def _model(self, data: Data, texts: int) -> CoupledModel:
        encoder = transformer_of(data, self)
        sizes = [encoder.width] + [self.width] * self.depth
        # A protocol's constructor is not part of it: every layer is made as layer(inputs, outputs).
        make = cast(Callable[..., nn.Module], self.layer)
        layers = [make(a, b) for a, b in pairwise(sizes)]
        network = Model(layers, nn.Linear(self.width, data.classes), dropout=self.dropout)
        text = cut_model(encoder, self.blocks, data.classes)
        # Beside a graph, which is not on a GPU.
        return CoupledModel(text.cpu(), network, texts, builder=self.rebuilt).eval()

    def _task(self, data: Data, rows: Int64[np.ndarray, " T"], frozen: int) -> TextTask:
        labels = data.known(rows)
        known = torch.from_numpy(labels)
        return TextTask(
            tokens_of(transformer_of(data, self), data.features.texts, frozen),
            known,
            data.classes,
            torch.from_numpy(rows),
            known[:0],
            None if data.weights is None else torch.from_numpy(data.weights),
            graph=data.graphs[self.graph].graph,
        )


class FittedCoupled:
    """A tuned encoder, its head, a network, and what the encoder made of the stored texts."""

    def __init__(
        self,
        candidate: Coupled,
        data: Data,
        model: CoupledModel,
        built: BuiltGraph | None,
        learned: int,
        *,
        fresh: bool = True,
    ) -> None:
        self.candidate, self.built, self.learned, self.share = candidate, built, learned, model.share
        self.head, self.network, self.memory = model.head, model.network.eval(), model.memory
        self.scaled = model.scaled
        self.nodes = np.zeros((0, data.classes), dtype=np.float32)
        if fresh:
            graph = data.graphs[candidate.graph].graph if built is None else built.graph
            self.nodes = self._probabilities(self.memory, graph, torch.arange(len(self.memory)))
        self.reader = TunedReader(transformer_of(data, candidate), model.text)

    def at(self, data: Data, nodes: Int64[np.ndarray, " M"]) -> Float32[np.ndarray, "M C"]:
        """Return class probabilities of some nodes, worked out while it was fitted."""
        return self.nodes[nodes]

    @property
    def knows_nodes(self) -> bool:
        """Whether `at` can tell anything: a restored one cannot."""
        return len(self.nodes) > 0

    def attach(self, data: Data, new: NewRows) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of new rows, within the part of the graph that reaches them."""
        rows = self.reader.rows(new.features.texts)
        graph, links = self._attached(data, new, rows)
        whole, count, stored = links.extend(graph), len(rows), graph.nodes
        near = whole.reach(torch.arange(stored, stored + count), self.network.hops)
        every = torch.cat([self.memory, rows])[near]
        return self._probabilities(every, whole.part(near), torch.arange(len(near) - count, len(near)))

    def tensors(self) -> dict[str, Tensor]:
        """Return what was learned, the stored texts' rows, and the graph on them if it was built anew."""
        found = {f"text.{name}": tensor for name, tensor in self.reader.tensors.items()}
        found |= {f"text.head.{name}": t.detach() for name, t in self.head.named_parameters()}
        found |= {f"network.{name}": t.detach() for name, t in self.network.named_parameters()}
        found["memory"] = self.memory
        found[_FACTS] = torch.tensor([self.share, self.learned], dtype=torch.float64)
        if self.built is not None:
            own = {name: t for name, t in self.built.tensors().items() if name != "features"}
            graph = self.built.graph
            own |= {"crow": graph.crow, "col": graph.col, "weight": graph.weight}
            found |= {f"{_BUILT}{name}": tensor for name, tensor in own.items()}
        return found

    @property
    def size(self) -> int:
        """Bytes of what it holds, and of the nodes' probabilities."""
        return self.nodes.nbytes + sum(tensor.nbytes for tensor in self.tensors().values())

    def _attached(
        self, data: Data, new: NewRows, rows: Float32[Tensor, "B F"]
    ) -> tuple[TextGraph, Attachment]:
        if self.built is None:
            named = data.graphs[self.candidate.graph]
            return named.graph, new.attachment(self.candidate.graph, named)
        names = [f"\0{number}" for number in range(len(rows))]
        return self.built.graph, self.built.attach(Rows(names, new.features.texts, rows))

    @torch.inference_mode()
    def _probabilities(
        self, rows: Float32[Tensor, "N F"], graph: TextGraph, wanted: Int64[Tensor, " B"]
    ) -> Float32[np.ndarray, "B C"]:
        own = self.head(rows[wanted])
        if self.share == 0.0:
            return torch.softmax(own, 1).numpy()
        spread = self.network.logits_in_blocks(self.scaled(rows), graph, wanted)
        scores = spread if self.share == 1.0 else mixed(spread, own, self.share)
        return torch.softmax(scores, 1).numpy()


def _built(builder: Neighbours, tensors: Mapping[str, Tensor], memory: Tensor) -> BuiltGraph:
    own = {name.removeprefix(_BUILT): t for name, t in tensors.items() if name.startswith(_BUILT)}
    graph = TextGraph(own.pop("crow"), own.pop("col"), own.pop("weight"), len(memory))
    return builder.restored(graph, (), {**own, "features": memory})
