"""An encoder and a network over a graph of the same texts, which learn from one another.

Source: Lin et al., Findings of ACL 2021, arXiv:2105.05727, section 3.2 (the mixture, the memory bank).
Differs from the paper: rows have L2 norm 1; the graph holds texts alone, and can be built anew on the rows.
"""

import math

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.graph import BuiltGraph, GraphBuilder, Rows, TextGraph
from graphtune.model.graph import Batch, Model, Task
from graphtune.model.text import TextBatch, TextModel, TextTask, in_pieces


class CoupledModel(nn.Module):
    """``share * softmax(network) + (1 - share) * softmax(encoder's head)``, as logarithms.

    The network reads the encoder's rows: those of a step's texts as they are, all others from `memory`, which
    holds what the encoder made of them when it was last refreshed. With ``share`` = 0 it is the encoder and
    its head alone, with 1 the head is not looked at.

    Args:
        text: the encoder with its head.
        network: layers and head over rows of the encoder's width.
        texts: how many there are.
        builder: builds the graph on `memory`; None = the task's graph is read.
    """

    memory: Float32[Tensor, "T F"]

    def __init__(
        self, text: TextModel, network: Model, texts: int, *, builder: GraphBuilder | None = None
    ) -> None:
        super().__init__()
        self.text, self.network, self.builder = text, network, builder
        self.share = 0.0  # of the network; strategies set it
        self._given: TextGraph | None = None  # the task's
        self._built: tuple[int, TextGraph] | None = None  # and of which version of the memory
        self.register_buffer("memory", torch.zeros(texts, text.head.in_features))

    @property
    def head(self) -> nn.Linear:
        """The encoder's."""
        return self.text.head

    @property
    def body(self) -> list[nn.Parameter]:
        """What can learn in the encoder and in the network, the network's head included."""
        return [*self.text.body, *self.network.parameters()]

    @property
    def settings(self) -> str:
        """Those of both, and how the graph is built."""
        return repr((self.text.settings, self.network.settings, self.builder))

    @property
    def graph(self) -> TextGraph:
        """What the network reads: the task's graph, or one built on the memory as it is now.

        Raises:
            PlanError: there is none.
        """
        if self.builder is None:
            if self._given is None:
                raise PlanError(
                    "A network that learns with an encoder reads a graph, and this task has none.",
                    fix="give TextTask.graph, or a builder that builds one.",
                )
            return self._given
        # Whatever writes to a tensor, a checkpoint that is read among it, raises its version.
        if self._built is None or self._built[0] != self.memory._version:
            self._built = self.memory._version, self.built().graph
        return self._built[1]

    def built(self) -> BuiltGraph:
        """Build the graph on the memory."""
        assert self.builder is not None
        names = [str(number) for number in range(len(self.memory))]
        return self.builder.build(Rows(names, [""] * len(names), self.memory.clone()))

    @torch.no_grad()
    def refresh(self, task: TextTask) -> None:
        """Read all of the task's texts anew, without dropout."""
        learning = self.training
        self.eval()
        self.memory.copy_(in_pieces(task, torch.arange(len(self.memory)), self.text.embed))
        self.train(learning)
        self._given = task.graph

    def nodes(self, task: TextTask) -> Task:
        """Return the same rows as nodes of the graph, for the network to learn from by itself."""
        # A copy: what a phase learns from stays as it is.
        x = self.scaled(self.memory)
        graph, labels = self.graph, task.labels
        return Task(x, graph, labels, task.classes, task.train, task.val, task.weights, task.targets)

    def scaled(self, rows: Float32[Tensor, "N F"]) -> Float32[Tensor, "N F"]:
        """Return rows of norm 1 as layers expect them: with entries near 1."""
        return rows * math.sqrt(rows.shape[1])

    def forward(self, step: TextBatch | Batch) -> Float[Tensor, "B C"]:
        """Return the scores of a step's texts; of a step of nodes, the network's alone."""
        if isinstance(step, Batch):
            return self.network(step)
        if self.share == 0.0:
            return self.text(step)
        rows = self.text.embed(step)
        nodes = self.scaled(self.memory.index_copy(0, step.rows, rows))
        spread = self.network(Batch(nodes, self.graph, step.rows, step.labels))
        if self.share == 1.0:
            return spread
        return mixed(spread, self.text.scores(rows), self.share)


def mixed(network: Float[Tensor, "B C"], own: Float[Tensor, "B C"], share: float) -> Float[Tensor, "B C"]:
    """Return ``log(share * softmax(network) + (1 - share) * softmax(own))``, exact where one is near 0."""
    both = (
        math.log(share) + torch.log_softmax(network, 1),
        math.log1p(-share) + torch.log_softmax(own, 1),
    )
    return torch.logaddexp(*both)


def others(task: TextTask) -> Int64[Tensor, " M"]:
    """Return the rows that do not judge, labelled or not."""
    learned = torch.ones(len(task.labels), dtype=torch.bool)
    learned[task.val] = False
    return learned.nonzero().flatten()
