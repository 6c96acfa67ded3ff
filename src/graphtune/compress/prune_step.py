"""Pruning as a step of ``graphtune compress``: parts of the encoder go, the whole teaches what is left.

What is left is a Hugging Face directory, which can be tuned on, or exported by the next step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphtune.compress.distilled import distilled
from graphtune.compress.pruning import Pruning, Way, prune
from graphtune.compress.subject import Subject
from graphtune.encoder import Transformer
from graphtune.errors import ModelError, PlanError


@dataclass(frozen=True)
class Prune:
    """Cut so large a share of the FLOPs out of the encoder; no label is read.

    Raises:
        PlanError: a value is out of its range.
    """

    share: float = 0.3
    way: Way = "groups"
    seconds: float = 120.0  # of teaching; 0 = none

    def __post_init__(self) -> None:
        Pruning(self.share, self.way)
        if self.seconds < 0:
            raise PlanError(f"seconds = {self.seconds:g} is no time to teach.", fix="use 0 or more.")

    @property
    def said(self) -> str:
        """What it is called in reports."""
        what = {"groups": "heads and units", "units": "units", "blocks": "top blocks"}[self.way]
        taught = f", taught for {self.seconds:g} s" if self.seconds else ""
        return f"{what} of {self.share:.0%} of the FLOPs pruned{taught}"

    def apply(self, subject: Subject, texts: Sequence[str], place: Path) -> Subject:
        """Return the same with a pruned encoder in ``place``, which is new.

        Raises:
            ModelError: the encoder is no transformer or was exported already, or the model reads its inside
                or several of its blocks.
            EncoderError: it is of an architecture whose parts are not known.
            PlanError: not so much can go.
        """
        encoder = subject.transformer
        if not isinstance(encoder, Transformer):
            raise ModelError(
                "An exported encoder cannot be pruned.", fix="prune the model that it was made of."
            )
        if subject.model is not None and subject.model.maker.blocks:
            raise ModelError(
                f"What this model saved, {subject.model.candidate}, reads several blocks of its transformer, "
                "and a pruned one is taught what the last block says alone.",
                fix="let --graph-free put a network on the last block first, or fit a model with "
                "--serve-as encoder and prune that.",
            )
        left = prune(encoder, texts, settings=Pruning(self.share, self.way), head=subject.head)
        if self.seconds:
            left = distilled(left, encoder, texts, seconds=self.seconds)
        return subject.with_encoder(left.save(place))
