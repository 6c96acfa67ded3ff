"""A gated network over a graph of each text's own words.

Source: Zhang et al., ACL 2020, arXiv:2004.13826 (TextING).
Differs from the paper: a text's words are those of the encoder (`WordRows`), whose rows stand in for GloVe's,
or what a block makes of them where they stand (`WordsInContext`); rare words and stop words stay; AdamW, its
rate and steps chosen on held-out training rows of MR.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import BFloat16, Float, Float32, Int64
from torch import Tensor

from graphtune.encoder.encoder import FittedEncoder
from graphtune.encoder.word_rows import WordRows
from graphtune.encoder.words_in_context import WordsInContext
from graphtune.errors import PlanError
from graphtune.graph import WindowGraphs
from graphtune.model import WindowNetwork, WindowTask
from graphtune.select.data import Data
from graphtune.select.features import View
from graphtune.select.graph_free import GraphFree
from graphtune.select.spared import spare
from graphtune.select.text_reader import ReadsTexts
from graphtune.select.trained import bytes_of, learned_of, seeded, tensors_of, trained_in_turn
from graphtune.select.tuned_reader import check_counts
from graphtune.strategy import Full, Strategy
from graphtune.train import Training

_PATIENCE = 8  # epochs
_READ_AT_ONCE = 4096  # texts
_NARROW = "narrow.weight"  # of the network; its width is that of the words' rows

# Makes the graphs of some texts' words, and the rows of these.
Reader = Callable[[Sequence[str]], tuple[WindowGraphs, Float[Tensor, "W F"]]]


@dataclass(frozen=True)
class Window(GraphFree):
    """Words that share a window of a text are linked; texts are not.

    That is why it counts as graph-free: whether *the* graph helps is a question of links between texts, and
    this is one of the models that links have to be better than. A new text needs no stored one.
    """

    compared_as: ClassVar[str] = "window"

    window: int = 3  # words that stand so near are linked
    steps: int = 2  # of messages between words, all with the same weights
    width: int = 96
    dropout: float = 0.5
    block: int | None = None  # of the encoder, whose output where a word stands is its row; None = by itself
    strategy: Strategy = Full(rate=3e-3, decay=5e-3, epochs=60)
    batch_rows: int = 64  # texts of a step

    def __post_init__(self) -> None:
        check_counts(self, "width", "batch_rows")
        if self.window < 2:
            raise PlanError(f"Window.window = {self.window} holds no two words.", fix="use 2 or more.")
        if self.block is not None:
            check_counts(self, "block")
        # On no device nothing is allocated or drawn: only the network's own checks run.
        with torch.device("meta"):
            self._model(1, 2)

    @property
    def reads(self) -> frozenset[View]:
        """What its words' rows are part of: a TF-IDF has them where it was made with a projection."""
        return frozenset({"meaning"})

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> "FittedWindow":
        """Learn from the labels of ``rows`` only; of many, some are spared to decide when to stop.

        Where the data give turns, training ends with its turn at the latest, with the best weights so far.

        Raises:
            PlanError: texts may have several labels.
            EncoderError: the encoder has no rows of words, or of none in its context.
            OutOfTime: the data's deadline came before the end of training.
        """
        data.check_single("Window")
        read = self._reader(data.features.maker.encoder)
        learned, spared = spare(rows, data.labels, data.classes, seed)
        nodes, graphs, words = self.labelled(data, read)
        task = WindowTask(
            graphs,
            words,
            torch.from_numpy(data.known(rows)[nodes]),
            data.classes,
            train=torch.from_numpy(np.searchsorted(nodes, np.sort(learned))),
            val=torch.from_numpy(np.searchsorted(nodes, spared)),
            weights=None if data.weights is None else torch.from_numpy(data.weights[nodes]),
        )
        with seeded(seed):
            model = self._model(task.words.shape[1], data.classes)
        settings = Training(self.batch_rows, patience=_PATIENCE)
        history = trained_in_turn(self.strategy, model, task, settings, data, seed)
        return FittedWindow(self, read, model, history.phases[-1].learned)

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> "FittedWindow":
        """Return a saved network; the words' rows are the encoder's."""
        model = self._model(tensors[_NARROW].shape[1], data.classes)
        model.load_state_dict(dict(tensors))
        return FittedWindow(self, self._reader(data.features.maker.encoder), model)

    def labelled(
        self, data: Data, read: Reader
    ) -> tuple[Int64[np.ndarray, " L"], WindowGraphs, Float[Tensor, "W F"]]:
        """Return the labelled nodes, and the graphs and rows of their words: read once for all parts."""
        nodes, texts = np.flatnonzero(data.labels >= 0), data.features.texts
        return nodes, *data.once(self.key(data), lambda: read([texts[node] for node in nodes]))

    def key(self, data: Data) -> Hashable:
        """Return by what the readings of labelled nodes differ."""
        return (Window, self.window, self.block, np.flatnonzero(data.labels >= 0).tobytes())

    def __str__(self) -> str:
        usual = "" if isinstance(self.strategy, Full) else f", {type(self.strategy).__name__}"
        read = "" if self.block is None else f" of block {self.block}"
        return f"words{read} within {self.window}({self.steps} steps, {self.width} wide{usual})"

    def _reader(self, encoder: FittedEncoder) -> Reader:
        if (block := self.block) is not None:
            return lambda texts: in_context(WordsInContext.of(encoder, texts, block), self.window)
        words = WordRows.of(encoder)
        return lambda texts: (WindowGraphs.of(*words.numbered(texts), window=self.window), words.rows)

    def _model(self, inputs: int, classes: int) -> WindowNetwork:
        width, steps, dropout = self.width, self.steps, self.dropout
        return WindowNetwork(inputs, classes, width=width, steps=steps, dropout=dropout).eval()


@dataclass(frozen=True, eq=False)
class FittedWindow(ReadsTexts):
    """A trained network, and what reads the words of texts."""

    candidate: Window
    read: Reader
    model: WindowNetwork
    trained: int | None = None  # numbers that its strategy learned

    def tensors(self) -> dict[str, Tensor]:
        """Return the network's parameters."""
        return tensors_of(self.model)

    @property
    def learned(self) -> int:
        """Of the last phase of its strategy; a restored network counts all parameters."""
        return learned_of(self.trained, self.model)

    @property
    def size(self) -> int:
        """Bytes of its parameters; the words' rows are the encoder's."""
        return bytes_of(self.tensors().values())

    def at(self, data: Data, nodes: Int64[np.ndarray, " M"]) -> Float32[np.ndarray, "M C"]:
        """Return class probabilities of some nodes; labelled ones were read for learning already."""
        if not (data.labels[nodes] >= 0).all() or not data.read(self.candidate.key(data)):
            return super().at(data, nodes)
        read, graphs, words = self.candidate.labelled(data, self.read)
        return self._told(graphs, words, np.searchsorted(read, nodes))

    def probabilities(self, texts: Sequence[str]) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of texts."""
        found = np.zeros((len(texts), self.model.head.out_features), dtype=np.float32)
        for start in range(0, len(texts), _READ_AT_ONCE):
            some = texts[start : start + _READ_AT_ONCE]
            found[start : start + len(some)] = self._told(*self.read(some), np.arange(len(some)))
        return found

    def _told(
        self, graphs: WindowGraphs, words: Float[Tensor, "W F"], rows: Int64[np.ndarray, " B"]
    ) -> Float32[np.ndarray, "B C"]:
        unknown = torch.full(graphs.sizes.shape, -1)
        none = unknown[:0]
        task = WindowTask(graphs, words, unknown, self.model.head.out_features, train=none, val=none)
        scores = task.scores(self.model.eval(), torch.from_numpy(rows))
        return torch.softmax(scores, dim=1).numpy()


def in_context(words: WordsInContext, window: int) -> tuple[WindowGraphs, BFloat16[Tensor, "W F"]]:
    """Return the graphs of some texts, each node a word of its own: the mean of its places, standardised.

    In half the memory of the numbers that the encoder gave them in.
    """
    graphs = WindowGraphs.of(words.words, words.starts, window=window)
    node = torch.from_numpy(graphs.places(words.words, words.starts))
    counts = torch.bincount(node, minlength=len(graphs.words)).clamp_min(1)
    rows = torch.zeros(len(graphs.words), words.states.width, dtype=torch.bfloat16)
    for places, some in words.rows():
        own = node[places]
        if not len(own):
            continue
        # The nodes of a text follow each other, and no two texts share one.
        first, last = int(own.min()), int(own.max()) + 1
        sums = torch.zeros(last - first, some.shape[1]).index_add_(0, own - first, some)
        mean = sums / counts[first:last, None]
        rows[first:last] = torch.nn.functional.layer_norm(mean, mean.shape[1:]).to(rows.dtype)
    every = np.arange(len(graphs.words))
    return replace(graphs, words=np.where(graphs.words >= 0, every, -1)), rows
