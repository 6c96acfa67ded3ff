"""A gated graph network over the words of each text, and the texts it is trained on.

Source: Zhang et al., ACL 2020, arXiv:2004.13826, section 3 (TextING).
Differs from the paper: the map of the messages is part of the gates' own maps, which follow it at once;
features are dropped at the input and before the head, as in the authors' code, but no edges.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.graph import Sampler, TextGraph, WindowGraphs, propagate
from graphtune.layer.dropout import check_dropout, dropped
from graphtune.model.labelled import LabelledWords, digest_of

_JUDGED_AT_ONCE = 256  # texts


@dataclass(frozen=True, eq=False)
class WindowBatch:
    """The texts of one step; the nodes of a text follow each other."""

    features: Float[Tensor, "N F"]  # of the words
    graph: TextGraph  # over the words, normalised
    sizes: Int64[Tensor, " B"]  # nodes of each text, 1 or more
    rows: Int64[Tensor, " B"]  # numbers of the task's texts
    labels: Int64[Tensor, " B"]
    weights: Float32[Tensor, " B"] | None = None


@dataclass(frozen=True, eq=False)
class WindowTask(LabelledWords):
    """What there is to learn from texts, each a graph of its words."""

    graphs: WindowGraphs
    words: Float[Tensor, "W F"]  # row of each word; where it is read in context, of each node
    labels: Int64[Tensor, " T"]  # -1 = unknown
    classes: int
    train: Int64[Tensor, " M"]  # rows that are trained on
    val: Int64[Tensor, " V"]  # rows that decide when to stop; may be empty
    weights: Float32[Tensor, " T"] | None = None

    def batch(self, rows: Int64[Tensor, " B"]) -> WindowBatch:
        """Return the texts of ``rows``, their graphs side by side."""
        part = self.graphs.part(rows.numpy())
        features = word_features(part, self.words)
        return WindowBatch(features, part.graph, torch.from_numpy(part.sizes), rows, *self.told(rows))

    def judged(self, model: "WindowNetwork", sampler: Sampler | None) -> Float[Tensor, "V C"]:
        """Return the scores of the val rows, without gradients; texts have no neighbours to sample."""
        return self.scores(model, self.val)

    @torch.no_grad()
    def scores(self, model: "WindowNetwork", rows: Int64[Tensor, " B"]) -> Float[Tensor, "B C"]:
        """Return the scores of ``rows``, some at a time."""
        if not len(rows):
            return torch.zeros(0, self.classes)
        return torch.cat([model(self.batch(some)) for some in rows.split(_JUDGED_AT_ONCE)])

    def digest(self) -> bytes:
        """Return a digest of its texts and tensors."""
        own = (self.words, self.labels, self.train, self.val, self.weights)
        return digest_of(self.classes, (*self.graphs.tensors(), *own))


def word_features(graphs: WindowGraphs, words: Float[Tensor, "W F"]) -> Float[Tensor, "N F"]:
    """Return each node's row; zeros for what stands for a text without words."""
    known = torch.from_numpy(graphs.words >= 0)
    found = torch.zeros(len(known), words.shape[1])
    found[known] = words[torch.from_numpy(graphs.words)[known]].to(found.dtype)
    return found


class GatedStep(nn.Module):
    """``h' = z n + (1 - z) h`` with ``a = A h``, a gate ``z``, a reset ``r`` and new features ``n``.

    ``z = sigmoid(W_z a + U_z h + b_z)``, ``r`` likewise, ``n = tanh(W_h a + U_h (r h) + b_h)``.

    Cost: O(N G^2 + E G) time.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.received = nn.Linear(width, 3 * width)  # W and b of z, r and n
        self.own = nn.Linear(width, 2 * width, bias=False)  # U_z, U_r
        self.kept = nn.Linear(width, width, bias=False)  # U_h

    def forward(self, h: Float[Tensor, "N G"], graph: TextGraph) -> Float[Tensor, "N G"]:
        """Return the nodes' new features; ``graph`` is normalised."""
        width = h.shape[1]
        both, fresh = self.received(propagate(graph, h)).split([2 * width, width], dim=1)
        gate, reset = torch.sigmoid(both + self.own(h)).chunk(2, dim=1)
        return torch.lerp(h, torch.tanh(fresh + self.kept(reset * h)), gate)


class Readout(nn.Module):
    """Mean and maximum, added up, of ``sigmoid(f1(h)) * tanh(f2(h))`` over the words of each text."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.Linear(width, width)  # f1
        self.content = nn.Linear(width, width)  # f2

    def forward(self, h: Float[Tensor, "N G"], sizes: Int64[Tensor, " B"]) -> Float[Tensor, "B G"]:
        """Return a row for each text, of which ``sizes`` are the numbers of nodes."""
        words = torch.sigmoid(self.attention(h)) * torch.tanh(self.content(h))
        mean = torch.segment_reduce(words, "mean", lengths=sizes)
        return mean + torch.segment_reduce(words, "max", lengths=sizes)


class WindowNetwork(nn.Module):
    """Words' features narrowed, some gated steps with the same weights, the readout, and a linear head.

    Raises:
        PlanError: ``dropout`` is not at least 0 and less than 1, or ``steps`` is below 0.
    """

    def __init__(
        self, inputs: int, classes: int, *, width: int = 96, steps: int = 2, dropout: float = 0.5
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        if steps < 0:
            raise PlanError(f"steps = {steps} is out of range.", fix="use 0 or more.")
        self.steps, self.dropout = steps, dropout
        self.narrow = nn.Linear(inputs, width)
        self.step, self.readout = GatedStep(width), Readout(width)
        self.head = nn.Linear(width, classes)

    @property
    def body(self) -> list[nn.Parameter]:
        """All parameters below the head."""
        return [p for part in (self.narrow, self.step, self.readout) for p in part.parameters()]

    @property
    def settings(self) -> str:
        """Steps and dropout."""
        return repr((self.steps, self.dropout))

    def forward(self, batch: WindowBatch) -> Float[Tensor, "B C"]:
        """Return a score for every text and class."""
        h = torch.tanh(self.narrow(self._dropped(batch.features)))
        for _ in range(self.steps):
            h = self.step(h, batch.graph)
        return self.head(self._dropped(self.readout(h, batch.sizes)))

    def _dropped(self, x: Float[Tensor, "N F"]) -> Float[Tensor, "N F"]:
        return dropped(x, self.dropout) if self.training else x
