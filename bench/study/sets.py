"""The sets of the standing study: what each is, and how its table is read."""

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from protocols import Protocol, data_root

_CHINESE = "bge-small-zh-v1.5"  # a folder of GRAPHTUNE_ENCODERS, for MiniLM reads no Chinese


@dataclass(frozen=True)
class Set:
    """One corpus, or one graph of texts."""

    name: str
    kind: str  # what its classes are: intent, topic, question, sentiment, citation, page
    split: str = "split"
    directory: str | None = None  # of the encoder; None = the default

    @property
    def protocol(self) -> Protocol:
        """Return how its table is read: every label, from which the comparison draws."""
        return Protocol(self.name, split=self.split)

    @property
    def linked(self) -> bool:
        """Say whether it has links of its own."""
        return (data_root() / self.name).is_dir()


SETS = (
    Set("banking77", "intent"),
    Set("snips", "intent"),
    Set("atis", "intent"),
    Set("smp2019", "intent", directory=_CHINESE),
    Set("trec6", "question"),
    Set("agnews_test7600", "topic"),
    Set("r8", "topic"),
    Set("dbpedia14k", "topic"),
    Set("cr", "sentiment"),
    Set("sst2", "sentiment"),
    Set("subj", "sentiment"),
    Set("mr", "sentiment"),
    Set("cora", "citation"),
    Set("citeseer", "citation"),
    Set("webkb", "page"),
)
