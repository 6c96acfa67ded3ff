"""What is the same for all networks beside a frozen encoder: their rows, their training, attaching new rows.

No stored node receives from a new row. So what every rung sends of the stored nodes is kept, and a new row
costs each rung its own neighbours alone, however many rungs there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, repeat
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor, nn

from graphtune.encoder import Transformer, cached_blocks
from graphtune.errors import PlanError
from graphtune.graph import Sampler, TextGraph
from graphtune.model import SideNetwork, Task
from graphtune.model.graph import hops_of
from graphtune.model.side import Exchange
from graphtune.select.data import Data, NewRows
from graphtune.select.features import Features, View
from graphtune.select.outcome import Family
from graphtune.select.spared import lesson, scaled
from graphtune.select.trained import bytes_of, tensors_of, trained
from graphtune.select.tuned_reader import transformer_of
from graphtune.strategy import Strategy
from graphtune.train import Training

_SAMPLED_ROWS = 1024  # training rows a batch, where the graph is sampled
_MOST_BLOCKS = 6  # that are read where none are named, evenly spaced
_SENT = "sent."  # begin of the names of what the stored nodes send


@runtime_checkable
class Side(Protocol):
    """The settings of a candidate that trains such a network."""

    @property
    def graph(self) -> str:
        """Along which rows exchange."""
        ...

    @property
    def fanouts(self) -> tuple[int, ...]:
        """Neighbours that are drawn at each hop, where the graph is sampled."""
        ...

    @property
    def sampled_from(self) -> int:
        """Edges × rungs × width from which the graph is sampled."""
        ...

    @property
    def width(self) -> int:
        """Of what is exchanged."""
        ...

    @property
    def strategy(self) -> Strategy:
        """How the network learns."""
        ...

    @property
    def hurried(self) -> bool:
        """Whether a row may leave by another exit than the last."""
        ...

    def content(self, found: Sequence[Float32[np.ndarray, "B C"]]) -> Bool[np.ndarray, "_ B"]:
        """Return which rows may leave by which exit, from the probabilities of the first exits, or of all."""
        ...


class BesideEncoder:
    """Inherited by such candidates."""

    blocks: tuple[int, ...]  # of the encoder that are named; none = as `blocks_of` says

    @property
    def family(self) -> Family:
        """It reads a graph through learned layers."""
        return "network"

    @property
    def graphs(self: Side) -> frozenset[str]:
        """The one graph."""
        return frozenset({self.graph})

    @property
    def views(self) -> frozenset[View]:
        """None: what the stored rows send is kept."""
        return frozenset()

    @property
    def reads(self) -> frozenset[View]:
        """The encoder's rows."""
        return frozenset({"meaning"})


def check_blocks(blocks: Sequence[int], reader: str) -> None:
    """See that blocks are named once, from the lowest up.

    Raises:
        PlanError: they are not.
    """
    if any(above <= below for below, above in pairwise(blocks)) or any(block < 0 for block in blocks):
        raise PlanError(
            f"{reader}.blocks = {tuple(blocks)} do not rise.", fix="name each block once, the lowest first."
        )


def encoder_of(data: Data, reader: object) -> Transformer:
    """Return the encoder whose blocks are read; errors as `transformer_of`."""
    return transformer_of(data, reader, "reads the blocks of a transformer")


def blocks_of(encoder: Transformer, named: Sequence[int]) -> tuple[int, ...]:
    """Return which blocks are read: those that are named, else up to six, evenly spaced, the last among them.

    Raises:
        EncoderError: a block that is named is not there.
    """
    if named:
        encoder.check_blocks(named)
        return tuple(named)
    count = min(encoder.depth, _MOST_BLOCKS)
    return tuple(round(encoder.depth * (at + 1) / count) for at in range(count))


def block_rows(encoder: Transformer, features: Features, blocks: Sequence[int]) -> Float32[Tensor, "N F"]:
    """Return the rows of several blocks side by side, each scaled to entries near 1: 4 F bytes a row."""
    read = cached_blocks(encoder, features.texts, blocks) if features.cached else None
    found = encoder.encode_blocks(features.texts, blocks) if read is None else read
    return torch.cat([scaled(found[block]) for block in blocks], dim=1)


def fitted(
    candidate: Side,
    model: SideNetwork,
    blocks: Sequence[int],
    data: Data,
    rows: Int64[np.ndarray, " T"],
    seed: int,
) -> "FittedSide":
    """Train ``model`` on the labels of ``rows`` only; of many, some are spared to decide when to stop.

    Raises:
        OutOfTime: the data's deadline came before the end of training.
    """
    graph = data.graphs[candidate.graph].graph
    x = block_rows(encoder_of(data, candidate), data.features, blocks)
    told = lesson(data, rows, seed)
    task = Task(x, graph, told.labels, data.classes, told.learn, told.stop, told.weights)
    sampler = _sampler(candidate, model, graph)
    settings = Training(batch_rows=_SAMPLED_ROWS if sampler else None, sampler=sampler, patience=15)
    history = trained(candidate.strategy, model, task, settings, data, seed)
    sent: list[Tensor] = []
    scores = model.every_in_blocks(x, graph, sent=sent)
    count = max(phase.learned for phase in history.phases)
    return FittedSide(candidate, model, tuple(blocks), tuple(sent), _left(candidate, scores), count)


def restored(
    candidate: Side, model: SideNetwork, blocks: Sequence[int], tensors: Mapping[str, Tensor]
) -> "FittedSide":
    """Return a saved one; ``model`` has its shape."""
    sent = tuple(tensors[f"{_SENT}{number}"] for number in range(len(model.rungs)))
    model.load_state_dict({name: t for name, t in tensors.items() if not name.startswith(_SENT)})
    none = np.zeros((0, model.head.out_features), dtype=np.float32)
    learned = sum(parameter.numel() for parameter in model.parameters())
    return FittedSide(candidate, model.eval(), tuple(blocks), sent, none, learned)


@dataclass(frozen=True, eq=False)
class FittedSide:
    """A trained network, and what its rungs send of the stored nodes."""

    candidate: Side
    model: SideNetwork
    blocks: tuple[int, ...]
    sent: tuple[Float32[Tensor, "N G"], ...]
    nodes: Float32[np.ndarray, "_ C"]  # none where it was restored
    learned: int  # numbers; a restored one counts all of its own

    def at(self, data: Data, nodes: Int64[np.ndarray, " M"]) -> Float32[np.ndarray, "M C"]:
        """Return class probabilities of some nodes, worked out while it was fitted."""
        return self.nodes[nodes]

    @property
    def knows_nodes(self) -> bool:
        """Whether `at` can tell anything: a restored one cannot."""
        return len(self.nodes) > 0

    @torch.inference_mode()
    def attach(self, data: Data, new: NewRows) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of new rows: those of the exit each of them leaves by.

        Where rows may leave early and are not looked up in the cache, a batch's blocks are worked out one by
        one, until all of its rows have left.
        """
        among = new.attachment(self.candidate.graph, data.graphs[self.candidate.graph]).among
        # Rows that receive from one another have to climb together.
        if new.features.cached or not self.candidate.hurried or among.nnz:
            return _left(self.candidate, self.every(data, new))
        encoder, texts = encoder_of(data, self.candidate), new.features.texts
        blank = torch.tensor([row for row, text in enumerate(texts) if not text.strip()], dtype=torch.int64)
        read = torch.tensor([row for row, text in enumerate(texts) if text.strip()], dtype=torch.int64)
        nothing = torch.zeros(len(blank), encoder.width)
        found = np.zeros((len(texts), self.model.head.out_features), dtype=np.float32)
        climbing = encoder.climbing([texts[row] for row in read])
        batches = ((read[numbers], self._wanted(blocks)) for numbers, blocks in climbing)
        unread = [(blank, repeat(nothing, len(self.blocks)))] if len(blank) else []
        for rows, blocks in chain(batches, unread):
            exchange = self._exchange(data, new, rows)
            found[rows.numpy()] = self._until_left(self.model.scores(self.model.climb(blocks, exchange)))
        return found

    @torch.inference_mode()
    def every(self, data: Data, new: NewRows) -> list[Float32[Tensor, "B C"]]:
        """Return the scores of new rows at every exit."""
        x = block_rows(encoder_of(data, self.candidate), new.features, self.blocks)
        exchange = self._exchange(data, new, torch.arange(len(new.features)))
        return list(self.model.scores(self.model.climb(self.model.split(x), exchange)))

    def _exchange(self, data: Data, new: NewRows, rows: Int64[Tensor, " B"]) -> Exchange:
        """Return what runs a layer over some of the new rows, which receive from no others of them."""
        built = data.graphs[self.candidate.graph]
        whole = new.attachment(self.candidate.graph, built).extend(built.graph)
        fresh, stored = rows + built.graph.nodes, built.graph.nodes
        parts: dict[int, tuple[Tensor, TextGraph]] = {}

        def exchange(number: int, layer: nn.Module, out: Tensor) -> Tensor:
            hops = hops_of(layer)
            if hops not in parts:
                near = whole.reach(fresh, hops)
                parts[hops] = near, whole.part(near)
            near, part = parts[hops]
            # What is near is sorted: the stored ones stand before the new ones.
            own = torch.searchsorted(near, fresh)
            sending = out.new_empty(len(near), out.shape[1])
            sending[: len(near) - len(fresh)] = self.sent[number][near[near < stored]]
            sending[own] = out
            return layer(sending, part)[own]

        return exchange

    def _wanted(self, blocks: Iterator[Tensor]) -> Iterator[Tensor]:
        """Yield the rows of the blocks that are read, scaled."""
        return (scaled(rows) for number, rows in enumerate(blocks) if number in self.blocks)

    def _until_left(self, scores: Iterator[Tensor]) -> Float32[np.ndarray, "B C"]:
        found: list[np.ndarray] = []
        for one in scores:
            found.append(torch.softmax(one, dim=1).numpy())
            if self.candidate.content(found).any(axis=0).all():
                break
        return _chosen(self.candidate, found)

    def tensors(self) -> dict[str, Tensor]:
        """Return the network's parameters, and what its rungs send of the stored nodes."""
        own = tensors_of(self.model)
        return own | {f"{_SENT}{number}": sent for number, sent in enumerate(self.sent)}

    @property
    def size(self) -> int:
        """Bytes of what it holds."""
        return self.nodes.nbytes + bytes_of(self.tensors().values())


def _sampler(candidate: Side, model: SideNetwork, graph: TextGraph) -> Sampler | None:
    if graph.edges * len(model.rungs) * candidate.width <= candidate.sampled_from:
        return None
    return Sampler((candidate.fanouts + candidate.fanouts[-1:] * model.hops)[: model.hops])


def _left(candidate: Side, scores: Sequence[Tensor]) -> Float32[np.ndarray, "B C"]:
    return _chosen(candidate, [torch.softmax(one, dim=1).numpy() for one in scores])


def _chosen(candidate: Side, found: Sequence[np.ndarray]) -> Float32[np.ndarray, "B C"]:
    """Return each row's probabilities at the first exit it may leave by, else at the last."""
    may = candidate.content(found)
    may[-1] = True
    return np.stack(found)[may.argmax(axis=0), np.arange(len(found[0]))]
