"""A graph convolution over texts and their words.

Source: Yao et al., AAAI 2019, arXiv:1809.05679 (TextGCN); Wang et al., 2022, arXiv:2206.00265, for texts that
come later.
Differs from the papers: the graph is that of `Words`; AdamW; a new text receives from the words it shares
with the graph and sends nothing; it has the mean of its words' rows, whatever texts had while it was trained.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from graphtune.graph import Rows, TextGraph, Words
from graphtune.graph.words import WordGraph
from graphtune.model import WordsNetwork, WordsTask
from graphtune.select.data import Data, NewRows
from graphtune.select.features import View
from graphtune.select.graph_free import GraphFree
from graphtune.select.spared import lesson
from graphtune.select.trained import bytes_of, learned_of, seeded, tensors_of, trained_in_turn
from graphtune.select.tuned_reader import check_counts
from graphtune.strategy import Full, Strategy
from graphtune.train import Training

_PATIENCE = 20  # epochs
_MODEL = "model."  # before the names of the network's tensors
_OF_TEXTS = "texts"  # the network's tensor of rows that no later text reads


@dataclass(frozen=True)
class TextGCN(GraphFree):
    """Texts are linked to their words, and words to those they often stand near; texts to no text.

    That is why it counts as graph-free, as `Window` does. The graph is of all texts that may be looked at,
    labelled or not. What is saved are the words and what they send: no text.
    """

    compared_as: ClassVar[str] = "words"

    words: Words = field(default_factory=Words)  # how the graph is built
    width: int = 200
    dropout: float = 0.5
    own_rows: bool = False  # whether each text learns a row, as in the first paper; none of them is saved
    strategy: Strategy = Full(rate=0.02, decay=0.0, epochs=200)

    def __post_init__(self) -> None:
        check_counts(self, "width")
        # On no device nothing is allocated or drawn: only the network's own checks run.
        with torch.device("meta"):
            self._model(1, 2)

    @property
    def reads(self) -> frozenset[View]:
        """None: it cuts texts into words itself."""
        return frozenset()

    def fit(self, data: Data, rows: Int64[np.ndarray, " T"], *, seed: int) -> "FittedTextGCN":
        """Learn from the labels of ``rows`` only; of many, some are spared to decide when to stop.

        Where the data give turns, training ends with its turn at the latest, with the best weights so far.

        Raises:
            PlanError: texts may have several labels.
            OutOfTime: the data's deadline came before the end of training.
        """
        data.check_single("TextGCN")
        built = self.words.build(_rows(data.features.texts))
        told = lesson(data, rows, seed)
        task = WordsTask(built.graph, told.labels, data.classes, told.learn, told.stop, told.weights)
        with seeded(seed):
            texts = built.graph.texts if self.own_rows else 0
            model = self._model(len(built.vocabulary), data.classes, texts)
        history = trained_in_turn(self.strategy, model, task, Training(patience=_PATIENCE), data, seed)
        with torch.no_grad():
            sent = model.eval().sent(task)
            nodes = torch.softmax(model(task.batch(torch.arange(built.graph.texts))), 1).numpy()
        degree = built.graph.with_loops().degree
        texts = built.graph.texts
        return FittedTextGCN(
            self, built, model, degree[texts:], sent[texts:], nodes, history.phases[-1].learned
        )

    def restored(self, data: Data, tensors: Mapping[str, Tensor]) -> "FittedTextGCN":
        """Return a saved network, without the texts it was trained on."""
        words = len(tensors["idf"])
        bare = self.words.restored(TextGraph.empty(words, texts=0), (), tensors)
        model = self._model(words, data.classes)
        own = {name.removeprefix(_MODEL): one for name, one in tensors.items() if name.startswith(_MODEL)}
        model.load_state_dict(own)
        none = np.zeros((0, data.classes), dtype=np.float32)
        return FittedTextGCN(self, bare, model, tensors["degree"], tensors["sent"], none)

    def __str__(self) -> str:
        usual = "" if isinstance(self.strategy, Full) else f", {type(self.strategy).__name__}"
        alone = "" if self.words.word_edges else ", no word edges"
        own = ", texts with rows of their own" if self.own_rows else ""
        stopped = "" if self.words.stop_words == "none" else f", without {self.words.stop_words} stop words"
        return f"TextGCN(words within {self.words.window}, {self.width} wide{own}{stopped}{alone}{usual})"

    def _model(self, words: int, classes: int, texts: int = 0) -> WordsNetwork:
        return WordsNetwork(words, classes, texts=texts, width=self.width, dropout=self.dropout).eval()


@dataclass(frozen=True, eq=False)
class FittedTextGCN:
    """A trained network, and the words by which new texts find what it has learned of them."""

    candidate: TextGCN
    built: WordGraph
    model: WordsNetwork
    degree: Float[Tensor, " V"]  # of the words, loops included
    sent: Float[Tensor, "V C"]  # by the words, in the last hop
    nodes: Float32[np.ndarray, "N C"]  # probabilities of the texts it was trained on; none if restored
    trained: int | None = None  # numbers that its strategy learned

    def at(self, data: Data, nodes: Int64[np.ndarray, " M"]) -> Float32[np.ndarray, "M C"]:
        """Return class probabilities of some nodes, worked out while it was fitted."""
        return self.nodes[nodes]

    @property
    def knows_nodes(self) -> bool:
        """Whether `at` can tell anything: a restored one cannot."""
        return len(self.nodes) > 0

    def attach(self, data: Data, new: NewRows) -> Float32[np.ndarray, "B C"]:
        """Return class probabilities of new rows, each by its words alone."""
        texts = self.built.graph.texts
        found = self.built.attach(_rows(new.features.texts)).stored[:, texts:]
        rows, words = found.shape
        blocks = [
            [scipy.sparse.csr_array((rows, rows)), found],
            [None, scipy.sparse.csr_array((words, words))],
        ]
        whole = scipy.sparse.block_array(blocks, dtype=np.float32)
        links = TextGraph.from_scipy(scipy.sparse.csr_array(whole), texts=rows)
        return torch.softmax(self.model.eval().attached(links, self.degree, self.sent), 1).numpy()

    def tensors(self) -> dict[str, Tensor]:
        """Return the network's parameters but texts' own, the words, and what they send."""
        kept = {name: tensor for name, tensor in tensors_of(self.model).items() if name != _OF_TEXTS}
        own = {f"{_MODEL}{name}": tensor for name, tensor in kept.items()}
        return own | self.built.tensors() | {"degree": self.degree, "sent": self.sent.contiguous()}

    @property
    def learned(self) -> int:
        """Of the last phase of its strategy; a restored network counts all parameters."""
        return learned_of(self.trained, self.model)

    @property
    def size(self) -> int:
        """Bytes of what it holds, and of the nodes' probabilities."""
        return self.nodes.nbytes + bytes_of(self.tensors().values())


def _rows(texts: tuple[str, ...]) -> Rows:
    """Return texts as a builder reads them that looks at nothing else."""
    return Rows(tuple(map(str, range(len(texts)))), texts, torch.zeros(len(texts), 0))
