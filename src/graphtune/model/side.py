"""A network beside a frozen encoder: what its blocks say of each text, exchanged along a graph rung by rung.

Sources: Zhu et al., IJCAI 2024, arXiv:2401.15569 (ENGINE's G-Ladder: `LadderRung`); Huang et al., WWW 2024,
arXiv:2402.12984 (GraphAdapter: `AdapterRung`).
Differs from the papers: see the rungs. Nothing is passed back through the encoder: the pooled rows of its
blocks are the input.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.graph import TextGraph
from graphtune.layer.dropout import check_dropout, dropped
from graphtune.model.graph import BLOCK_BYTES, Batch, hops_of, in_blocks

Exchange = Callable[[int, nn.Module, Tensor], Tensor]  # number of a rung, its layer, what every node sends


@runtime_checkable
class Rung(Protocol):
    """A module that reads one block's rows and what the rung below left.

    Its attribute ``layer`` is a graph layer; its ``shown`` is how wide a row is that a head may read.
    """

    def enter(self, x: Float[Tensor, "N F"], below: Float[Tensor, "N _"] | None) -> Float[Tensor, "N G"]:
        """Return what the layer exchanges."""
        ...

    def leave(
        self, received: Float[Tensor, "N G"], below: Float[Tensor, "N _"] | None
    ) -> Float[Tensor, "N _"]:
        """Return what goes to the next rung, from what the layer put out."""
        ...

    def show(self, x: Float[Tensor, "N F"], state: Float[Tensor, "N _"]) -> Float[Tensor, "N _"]:
        """Return what a head may read of a block's rows and what the rung left."""
        ...


class LadderRung(nn.Module):
    """``h = relu(layer(s P x + (1 - s) h_below))``, ``s = sigmoid(alpha / 0.1)``; for the lowest ``s = 1``.

    Differs from the paper: rows have L2 norm 1 before they are scaled to entries near 1; ReLU is part of it.
    """

    def __init__(self, layer: nn.Module, inputs: int, width: int, *, lowest: bool) -> None:
        super().__init__()
        self.layer, self.shown = layer, width
        self.project = nn.Linear(inputs, width)
        self.share = None if lowest else nn.Parameter(torch.zeros(()))  # alpha

    def enter(self, x: Float[Tensor, "N F"], below: Float[Tensor, "N _"] | None) -> Float[Tensor, "N G"]:
        """Mix the block's rows with what the rung below left."""
        own = self.project(x)
        return own if self.share is None or below is None else torch.lerp(below, own, self._share())

    def leave(
        self, received: Float[Tensor, "N G"], below: Float[Tensor, "N _"] | None
    ) -> Float[Tensor, "N _"]:
        """Return what was received, where it is above zero."""
        return torch.relu(received)

    def show(self, x: Float[Tensor, "N F"], state: Float[Tensor, "N _"]) -> Float[Tensor, "N _"]:
        """Return what the rung left."""
        return state

    def _share(self) -> Tensor:
        assert self.share is not None
        return torch.sigmoid(self.share / 0.1)


class AdapterRung(nn.Module):
    """``a = a_below + U relu(layer(D (x + a_below)))``, and a head reads ``x + a``; ``U`` starts at zero.

    Differs from the paper: there one network reads the last block's pooled rows and is fused with every
    token's state; here one stands behind each block, as adapters do, and what it adds goes on to all blocks
    above unchanged, as along their residual connections, so that no block has to be run again. The paper's
    own pre-training on the words of the texts is left out.
    """

    def __init__(self, layer: nn.Module, inputs: int, width: int) -> None:
        super().__init__()
        self.layer, self.shown = layer, inputs
        self.down = nn.Linear(inputs, width)
        self.up = nn.Linear(width, inputs)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def enter(self, x: Float[Tensor, "N F"], below: Float[Tensor, "N _"] | None) -> Float[Tensor, "N G"]:
        """Narrow the block's rows, with what was added to them so far."""
        return self.down(x if below is None else x + below)

    def leave(
        self, received: Float[Tensor, "N G"], below: Float[Tensor, "N _"] | None
    ) -> Float[Tensor, "N _"]:
        """Widen what was received, and add it to what was added below."""
        added = self.up(torch.relu(received))
        return added if below is None else below + added

    def show(self, x: Float[Tensor, "N F"], state: Float[Tensor, "N _"]) -> Float[Tensor, "N _"]:
        """Return the block's rows with all that was added."""
        return x + state


class SideNetwork(nn.Module):
    """Rungs, one for each block of an encoder, from the lowest up, and linear heads.

    A node's features are the rows of these blocks side by side. The head reads the last rung; with ``exits``
    every other rung has a head too.

    Raises:
        PlanError: there is no rung, or ``dropout`` is not at least 0 and less than 1.
    """

    def __init__(self, rungs: Sequence[nn.Module], classes: int, *, exits: bool, dropout: float) -> None:
        super().__init__()
        if not rungs:
            raise PlanError("A network beside an encoder reads no block of it.", fix="name one or more.")
        check_dropout(dropout)
        self.rungs = nn.ModuleList(rungs)
        *below, last = (nn.Linear(_width(rung), classes) for rung in (rungs if exits else rungs[-1:]))
        self.exits, self.head = nn.ModuleList(below), last
        self.dropout = dropout  # probability with which a feature is zeroed in training

    @property
    def body(self) -> list[nn.Parameter]:
        """The parameters of rungs and of exits below the head."""
        return [*self.rungs.parameters(), *self.exits.parameters()]

    @property
    def settings(self) -> str:
        """The dropout."""
        return repr(self.dropout)

    @property
    def hops(self) -> int:
        """How many edges away the furthest node is on which a node's scores depend."""
        return sum(hops_of(_layer(rung)) for rung in self.rungs)

    def climb(
        self, blocks: Iterable[Float[Tensor, "N F"]], exchange: Exchange
    ) -> Iterator[Float[Tensor, "N G"]]:
        """Yield what a head may read of each rung, from the rows of each rung's block.

        ``exchange`` runs a rung's layer. A block is taken when its rung is asked for.
        """
        state: Tensor | None = None
        for number, (rung, own) in enumerate(zip(self.rungs, blocks, strict=True)):
            assert isinstance(rung, Rung)
            sent = self._dropped(rung.enter(own, state))
            state = rung.leave(exchange(number, _layer(rung), sent), state)
            yield rung.show(own, state)

    def split(self, x: Float[Tensor, "N F"]) -> Sequence[Float[Tensor, "N _"]]:
        """Return each rung's rows of a node's features."""
        return x.chunk(len(self.rungs), dim=1)

    def scores(self, shown: Iterable[Float[Tensor, "B G"]]) -> Iterator[Float[Tensor, "B C"]]:
        """Yield the scores of every exit, the head's last, from what the rungs show."""
        heads = [*self.exits, self.head]
        silent = len(self.rungs) - len(heads)
        for number, rows in enumerate(shown):
            if number >= silent:
                yield heads[number - silent](self._dropped(rows))

    def every(self, batch: Batch) -> list[Float[Tensor, "B C"]]:
        """Return the scores of every exit, the head's last, for the rows of a batch."""
        shown = self.climb(self.split(batch.features), lambda _, layer, sent: layer(sent, batch.graph))
        return list(self.scores(rows.index_select(0, batch.rows) for rows in shown))

    def forward(self, batch: Batch) -> Float[Tensor, "B C"]:
        """Return the head's score for every row of the batch and every class."""
        return self.every(batch)[-1]

    @torch.no_grad()
    def logits_in_blocks(
        self,
        x: Float[Tensor, "N F"],
        graph: TextGraph,
        rows: Int64[Tensor, " B"] | None = None,
        *,
        block_bytes: int = BLOCK_BYTES,
    ) -> Float[Tensor, "B C"]:
        """Return the head's exact scores of ``rows`` (all nodes); as `Model.logits_in_blocks`."""
        return self.every_in_blocks(x, graph, rows, block_bytes=block_bytes)[-1]

    @torch.no_grad()
    def every_in_blocks(
        self,
        x: Float[Tensor, "N F"],
        graph: TextGraph,
        rows: Int64[Tensor, " B"] | None = None,
        *,
        block_bytes: int = BLOCK_BYTES,
        sent: list[Tensor] | None = None,
    ) -> list[Float[Tensor, "B C"]]:
        """Return the exact scores of every exit; what each rung sends is appended to ``sent``, if given."""
        left = [hops_of(_layer(rung)) for rung in self.rungs]

        def exchange(number: int, layer: nn.Module, out: Tensor) -> Tensor:
            if sent is not None:
                sent.append(out)
            further = sum(left[number + 1 :])
            needed = torch.arange(graph.nodes) if rows is None else graph.reach(rows.cpu(), further)
            return in_blocks(layer, out, graph, needed, block_bytes)

        every = self.climb(self.split(x), exchange)
        return list(self.scores(shown if rows is None else shown[rows] for shown in every))

    def _dropped(self, x: Float[Tensor, "N F"]) -> Float[Tensor, "N F"]:
        return dropped(x, self.dropout) if self.training else x


def _layer(rung: nn.Module) -> nn.Module:
    return rung.layer  # type: ignore[return-value]


def _width(rung: nn.Module) -> int:
    return rung.shown  # type: ignore[return-value]
