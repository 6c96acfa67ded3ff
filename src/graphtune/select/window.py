"""A gated network over a graph of each text's own words.

Source: Zhang et al., ACL 2020, arXiv:2004.13826 (TextING).
Differs from the paper: a text's words are those of the encoder (`WordRows`), whose rows stand in for GloVe's;
rare words and stop words stay; AdamW, whose rate and steps were chosen on held-out training rows of MR.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.encoder.word_rows import WordRows
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
    strategy: Strategy = Full(rate=3e-3, decay=5e-3, epochs=60)
    batch_rows: int = 64  # texts of a step

    def __post_init__(self) -> None:
        check_counts(self, "width", "batch_rows")
        if self.window < 2:
            raise PlanError(f"Window.window = {self.window} holds no two words.", fix="use 2 or more.")
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
            EncoderError: the encoder has no rows of words.
            OutOfTime: the data's deadline came before the end of training.
        """
        data.check_single("Window")
        words = WordRows.of(data.features.maker.encoder)
        learned, spared = spare(rows, data.labels, data.classes, seed)
        task = self.task(
            words,
            [data.features.texts[row] for row in rows],
            torch.from_numpy(data.labels[rows]),
            data.classes,
            train=torch.from_numpy(np.flatnonzero(np.isin(rows, learned))),
            val=torch.from_numpy(np.flatnonzero(np.isin(rows, spared))),
            weights=None if data.weights is None else torch.from_numpy(data.weights[rows]),
        )
        with seeded(seed):
            model = self._model(words.rows.shape[1], data.classes)
        settings = Training(self.batch_rows, patience=_PATIENCE)
        history = trained_in_turn(self.strategy, model, task, settings, data, seed)
        return FittedWindow(self, words, model, history.phases[-1].learned)

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> "FittedWindow":
        """Return a saved network; the words' rows are the encoder's."""
        words = WordRows.of(data.features.maker.encoder)
        model = self._model(words.rows.shape[1], data.classes)
        model.load_state_dict(dict(tensors))
        return FittedWindow(self, words, model)

    def task(
        self,
        words: WordRows,
        texts: Sequence[str],
        labels: Int64[Tensor, " T"],
        classes: int,
        *,
        train: Int64[Tensor, " M"],
        val: Int64[Tensor, " B"],
        weights: Float32[Tensor, " T"] | None = None,
    ) -> WindowTask:
        """Return the graphs of some texts' words, with what is to be learned of them."""
        graphs = WindowGraphs.of(*words.numbered(texts), window=self.window)
        return WindowTask(graphs, words.rows, labels, classes, train, val, weights)

    def __str__(self) -> str:
        usual = "" if isinstance(self.strategy, Full) else f", {type(self.strategy).__name__}"
        return f"words within {self.window}({self.steps} steps, {self.width} wide{usual})"

    def _model(self, inputs: int, classes: int) -> WindowNetwork:
        width, steps, dropout = self.width, self.steps, self.dropout
        return WindowNetwork(inputs, classes, width=width, steps=steps, dropout=dropout).eval()


@dataclass(frozen=True, eq=False)
class FittedWindow(ReadsTexts):
    """A trained network, and the rows of the words that it reads."""

    candidate: Window
    words: WordRows
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

    def probabilities(self, texts: Sequence[str]) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of texts."""
        found = np.zeros((len(texts), self.model.head.out_features), dtype=np.float32)
        for start in range(0, len(texts), _READ_AT_ONCE):
            some = texts[start : start + _READ_AT_ONCE]
            every = torch.arange(len(some))
            unknown = torch.full((len(some),), -1)
            task = self.candidate.task(self.words, some, unknown, found.shape[1], train=every, val=every[:0])
            scores = task.scores(self.model.eval(), every)
            found[start : start + len(some)] = torch.softmax(scores, dim=1).numpy()
        return found
