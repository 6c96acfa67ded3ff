"""A two-layer graph convolution over texts and their words, and the texts it is trained on.

Source: Yao et al., AAAI 2019, arXiv:1809.05679, section 3.2 (TextGCN); Wang et al., 2022, arXiv:2206.00265
(the feature of a text is made of its words' features, so that a new text has one).
Differs from the papers: unless texts have rows of their own, as in the first, a text's feature is the mean of
its words', weighted as the graph weighs them; the last map comes before the last hop, bias included.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn

from graphtune.graph import Sampler, TextGraph, propagate
from graphtune.layer.dropout import check_dropout, dropped
from graphtune.model.labelled import LabelledWords, digest_of


@dataclass(frozen=True, eq=False)
class WordsBatch:
    """Texts whose labels count in one step; every step reads the whole graph."""

    task: "WordsTask"
    rows: Int64[Tensor, " B"]
    labels: Int64[Tensor, " B"]
    weights: Float32[Tensor, " B"] | None = None


@dataclass(frozen=True, eq=False)
class WordsTask(LabelledWords):
    """What there is to learn from texts of which some are labelled, in a graph with their words."""

    graph: TextGraph  # texts, then words; without loops
    labels: Int64[Tensor, " T"]  # -1 = unknown
    classes: int
    train: Int64[Tensor, " M"]  # texts that are trained on
    val: Int64[Tensor, " V"]  # texts that decide when to stop; may be empty
    weights: Float32[Tensor, " T"] | None = None

    @cached_property
    def spread(self) -> TextGraph:
        """The graph with loops, normalised by the degrees of both ends."""
        return self.graph.with_loops().normalised()

    @cached_property
    def means(self) -> TextGraph:
        """What makes features of the words' own: each word's, and at each text the mean of its words'."""
        of_texts = (self.graph.target < self.graph.texts) & (self.graph.source >= self.graph.texts)
        words = torch.arange(self.graph.texts, self.graph.nodes)
        source = torch.cat([self.graph.source[of_texts], words])
        target = torch.cat([self.graph.target[of_texts], words])
        weight = torch.cat([self.graph.weight[of_texts], self.graph.weight.new_ones(len(words))])
        made = TextGraph.from_edges(source, target, weight, nodes=self.graph.nodes, texts=self.graph.texts)
        return made.normalised("row")

    def batch(self, rows: Int64[Tensor, " B"]) -> WordsBatch:
        """Return some texts within the whole graph."""
        return WordsBatch(self, rows, *self.told(rows))

    def judged(self, model: "WordsNetwork", sampler: Sampler | None) -> Float[Tensor, "V C"]:
        """Return the scores of the val rows, without gradients; the graph is read as a whole."""
        with torch.no_grad():
            return model(self.batch(self.val))

    def digest(self) -> bytes:
        """Return a digest of its tensors."""
        graph = self.graph
        own = (self.labels, self.train, self.val, self.weights)
        return digest_of((self.classes, graph.texts), (graph.crow, graph.col, graph.weight, *own))


class WordsNetwork(nn.Module):
    """``scores = S (relu(S x + b) W + c)``, ``x`` a learned row of each word and means of them for texts.

    ``S = D^-1/2 (A + I) D^-1/2``; dropout before each hop. So many ``texts`` have a learned row of their own
    instead; a text that comes later has none. Cost: O(E (G + C)) time a step.

    Raises:
        PlanError: ``dropout`` is not at least 0 and less than 1.
    """

    def __init__(
        self, words: int, classes: int, *, texts: int = 0, width: int = 200, dropout: float = 0.5
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        self.dropout = dropout
        bound = (6 / max(1, texts + words + width)) ** 0.5
        self.words = nn.Parameter(torch.empty(words, width).uniform_(-bound, bound))
        self.texts = nn.Parameter(torch.empty(texts, width).uniform_(-bound, bound)) if texts else None
        self.bias = nn.Parameter(torch.zeros(width))
        self.head = nn.Linear(width, classes)

    @property
    def body(self) -> list[nn.Parameter]:
        """The words' rows, those of texts if they have any, and the bias of the first layer."""
        return [self.words, self.bias, *([] if self.texts is None else [self.texts])]

    @property
    def settings(self) -> str:
        """The dropout."""
        return repr(self.dropout)

    def forward(self, batch: WordsBatch) -> Float[Tensor, "B C"]:
        """Return a score for every text of a step and every class."""
        return propagate(batch.task.spread, self.sent(batch.task)).index_select(0, batch.rows)

    def sent(self, task: WordsTask) -> Float[Tensor, "N C"]:
        """Return what every node sends in the last hop."""
        if self.texts is None:
            none = self.words.new_zeros(task.graph.texts, len(self.bias))
            x = propagate(task.means, torch.cat([none, self.words]))
        else:
            x = torch.cat([self.texts, self.words])
        hidden = torch.relu(propagate(task.spread, self._dropped(x)) + self.bias)
        return self.head(self._dropped(hidden))

    @torch.no_grad()
    def attached(
        self, links: TextGraph, degree: Float[Tensor, " V"], sent: Float[Tensor, "V C"]
    ) -> Float[Tensor, "M C"]:
        """Return the scores of new texts, which send nothing to what is there, without dropout.

        Args:
            links: new texts, then the words, and the edges from these to those.
            degree: of the words in the graph of the training, loops included.
            sent: what the words send in the last hop.
        """
        new = links.texts
        x = propagate(
            links.normalised("row"), torch.cat([self.words.new_zeros(new, len(self.bias)), self.words])
        )
        own = 1.0 / (1.0 + links.degree[:new])  # of the loop, both ends of which are the text's
        scale = torch.cat([own.sqrt(), degree.rsqrt()])
        spread = replace(links, weight=scale[links.target] * links.weight * scale[links.source])
        from_words = torch.cat([torch.zeros_like(x[:new]), self.words])
        hidden = torch.relu(propagate(spread, from_words)[:new] + own[:, None] * x[:new] + self.bias)
        from_words = torch.cat([sent.new_zeros(new, sent.shape[1]), sent])
        return propagate(spread, from_words)[:new] + own[:, None] * self.head(hidden)

    def _dropped(self, x: Float[Tensor, "N F"]) -> Float[Tensor, "N F"]:
        return dropped(x, self.dropout) if self.training else x
