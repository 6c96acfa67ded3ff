"""What is known of an encoder's modules on one set, and the scores that it gives them."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

import meta
import sensitivities
from carried_out import Corpus
from corpora import corpus_of, seen_by

from graphtune.encoder.loading import load_model
from graphtune.model import TextModel, TextTask
from graphtune.sensitivity import Analysed, analysed, measured, prepared, with_measured
from graphtune.structure import ModelGraph
from graphtune.structure.gnn import told_most_by
from graphtune.structure.gnn.reader import read_reader, write_reader
from graphtune.structure.purpose import Purpose
from graphtune.structure.scores import (
    Fisher,
    GradientNorm,
    LastBlocks,
    Learned,
    Magnitude,
    Measured,
    Random,
    RelativeGradient,
    Score,
    Taylor,
    Uniform,
    Usual,
)

_TOLD: dict[str, Score] = {  # by what a few batches say
    "gradient-norm": GradientNorm(),
    "relative-gradient": RelativeGradient(),
    "fisher": Fisher(),
    "taylor": Taylor(),
    "magnitude": Magnitude(),
    "usual": Usual(),
}
_UNTOLD: dict[str, Callable[[int], Score]] = {  # by nothing but the graph, and the seed
    "uniform": lambda seed: Uniform(),
    "last": lambda seed: LastBlocks(),
    "random": Random,
}
LEARNED = {"learned": True, "learned-without-edges": False, "learned-probed": True}  # whether edges are read
SCORES = (*_TOLD, *_UNTOLD, *LEARNED, "measured")


class Skipped(Exception):  # noqa: N818 - nothing is wrong
    """A selector has nothing to say here."""


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of an encoder's modules, found out when it is first asked for; no test row is read."""

    name: str  # of the set
    corpus: Corpus
    work: Path | None  # where what was measured and learned is kept

    @cached_property
    def _subject(self) -> tuple[TextModel, TextTask]:
        encoder = self.corpus.encoder
        return prepared(encoder, load_model(encoder.directory, torch.float32), self.corpus.shown)

    @cached_property
    def bare(self) -> ModelGraph:
        """The encoder as a graph, with the statistics of its weights."""
        return sensitivities.graph_of(self._subject[0])

    @cached_property
    def told(self) -> Analysed:
        """With the statistics of a few batches."""
        return analysed(self.bare, *self._subject)

    @cached_property
    def measured(self) -> Analysed:
        """With what tuning, pruning and rounding each module alone does."""
        return analysed(self.bare, *self._subject, probes=None, into=self._probes)

    @property
    def others(self) -> list[meta.Case]:
        """What was measured of other texts, from which networks may learn."""
        own = corpus_of(self.name)
        return [one for one in meta.cases() if own not in (one.corpus, seen_by(one.encoder))]

    @property
    def heads(self) -> int:
        """Heads of a block that are cut as one."""
        config = self._subject[0].encoder.config
        shared = getattr(config, "num_key_value_heads", None)
        return int(shared or getattr(config, "num_attention_heads", 0) or 0)

    def scored(self, selector: str, purpose: Purpose) -> tuple[ModelGraph, tuple[float, ...]]:
        """Return the graph, and a number a node.

        Raises:
            Skipped: a network has no other texts to learn from.
        """
        if selector in _UNTOLD:
            return self.bare, _UNTOLD[selector](self.corpus.seed).of(self.bare, purpose)
        if selector in LEARNED:
            path = self._network(edges=LEARNED[selector])
            graph = self._probed(path) if selector == "learned-probed" else self.told.graph
            return graph, Learned(str(path)).of(graph, purpose)
        score = Measured() if selector == "measured" else _TOLD[selector]
        if selector == "usual" and isinstance(Usual().chosen(self.bare, purpose), LastBlocks):
            return self.bare, score.of(self.bare, purpose)
        graph = (self.measured if selector == "measured" else self.told).graph
        return graph, score.of(graph, purpose)

    def _probed(self, network: Path) -> ModelGraph:
        """Return the graph that `told` has, with what those few modules do that networks want to know of."""
        graph = self.told.graph
        read = read_reader(network).read(graph)
        names = [graph.nodes[at].name for at in told_most_by(read, graph, meta.PROBES)]
        found = measured(graph, *self._subject, only=names, into=self._probes)
        return with_measured(graph, found)

    @property
    def _probes(self) -> Path | None:
        return None if self.work is None else self.work / "probes"

    def _network(self, *, edges: bool) -> Path:
        """Return networks that learned from the sensitivities of all sets of other texts."""
        rest = self.others
        if not rest or self.work is None:
            raise Skipped("no sensitivities of other texts are there: run sensitivities.py first")
        name = f"{meta.digest_of(rest)}{'' if edges else '-without-edges'}.safetensors"
        path = self.work / "networks" / name
        if not path.is_file():
            facts = {"sets": ", ".join(sorted({one.dataset for one in rest}))}
            write_reader(meta.learned(rest, edges=edges).members, facts, path)
        return path
