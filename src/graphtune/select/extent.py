"""How large a search is, and which candidates it is too large for."""

from dataclasses import dataclass

from graphtune.select.data import Data
from graphtune.select.features import MANY_NODES
from graphtune.select.probe import Probe

_MOST_WEIGHTS = 4_000_000  # of logistic regression: it holds 280 bytes of each, more than a gibibyte
_MOST_WORK = (
    1_000_000_000  # features of labelled texts times classes that a linear SVM goes through in a turn
)
_MOST_JOINED = 50_000_000  # dense features beside the words; each takes 40 bytes on its way there
_TERMS_OF_A_TEXT = 50
_SOON = 50_000_000  # the same, up to which a linear SVM is done in seconds


@dataclass(frozen=True)
class Extent:
    """What the cost of a linear candidate depends on."""

    labelled: int
    nodes: int
    classes: int
    terms: int
    width: int  # of the encoder's features

    @classmethod
    def of(cls, data: Data) -> "Extent":
        """Measure ``data``."""
        return cls(
            labelled=len(data.labelled),
            nodes=len(data.labels),
            classes=data.classes,
            terms=len(data.features.maker.words.vocabulary),
            width=0 if data.features.maker.same else data.features.meaning.shape[1],
        )

    def allows(self, probe: Probe) -> bool:
        """Say whether ``probe`` can be tried unasked: in bounded memory, and soon done.

        A candidate that a plan names is always tried.
        """
        if probe.view not in ("words", "all"):
            return probe.view == "meaning" or self.nodes < MANY_NODES
        dense = self.width if probe.view == "all" else 0
        if self.nodes * dense > _MOST_JOINED:
            return False
        if probe.loss == "logistic":
            return (self.terms + dense) * self.classes <= _MOST_WEIGHTS
        return self._turn(dense) <= _MOST_WORK

    def soon(self, probe: Probe) -> bool:
        """Say whether ``probe`` is a linear SVM on words that takes seconds."""
        if probe.loss == "logistic" or probe.view not in ("words", "all"):
            return False
        return self.allows(probe) and self._turn(self.width if probe.view == "all" else 0) <= _SOON

    def _turn(self, dense: int) -> int:
        return self.labelled * (dense + _TERMS_OF_A_TEXT) * self.classes
