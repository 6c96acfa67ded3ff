"""Tune an encoder and a head on labels.

Source: Devlin et al., NAACL 2019, arXiv:1810.04805, section 4; Howard & Ruder, ACL 2018, arXiv:1801.06146,
section 3.2, for smaller steps further down; Gunel et al., ICLR 2021, arXiv:2011.01403, equation 1, for the
contrast beside the labels and its temperature.
Differs from the papers: the head has a step size of its own, for it starts from nothing; the contrast is
added to the loss of the labels, whose weight stays 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import Tensor

from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy, Loss, supervised_contrastive
from graphtune.model import Problem, TextBatch, TextModel
from graphtune.phase import Group, Phase

_TEMPERATURE = 0.3


@dataclass(frozen=True)
class EncoderTuning:
    """Learn all of the encoder that is not frozen, and the head.

    Raises:
        PlanError: the contrast is negative, or its temperature is not above 0.
    """

    rate: float = 2e-4  # AdamW step size of the last block
    layer_decay: float = 1.0  # share of a block's step size that the one below it has
    head_rate: float = 5e-3
    decay: float = 0.01  # AdamW decoupled weight decay
    epochs: int = 8  # at most
    contrast: float | None = None  # weight of the supervised contrastive loss of a step's texts
    temperature: float | None = None  # of the contrast; None = 0.3, the paper's
    loss: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        if not (self.contrast or 0.0) >= 0.0 or not self._temperature > 0.0:
            raise PlanError(
                f"contrast = {self.contrast} and temperature = {self.temperature} do not fit.",
                fix="use a weight from 0 on, such as 1, and a temperature above 0, such as 0.3.",
            )

    def phases(self, model: TextModel, task: Problem) -> Iterator[Phase]:
        """Train once."""
        yield Phase(
            "encoder",
            groups(model, self.rate, self.layer_decay, self.head_rate, self.decay),
            lambda batch: self._loss(model, batch),
            self.epochs,
        )

    @property
    def _temperature(self) -> float:
        return _TEMPERATURE if self.temperature is None else self.temperature

    def _loss(self, model: TextModel, batch: TextBatch) -> Tensor:
        if not self.contrast:
            return self.loss(model(batch), batch.labels, batch.weights)
        rows = model.embed(batch)
        # Of many classes few texts of a step have another of theirs: the fewer, the less they say.
        apart = supervised_contrastive(rows, batch.labels, self._temperature, batch.weights, lone=True)
        return self.loss(model.scores(rows), batch.labels, batch.weights) + self.contrast * apart


def groups(
    model: TextModel, rate: float, layer_decay: float, head_rate: float, decay: float
) -> tuple[Group, ...]:
    """Return the encoder's parameters by block, with steps that shrink downwards, and the head's."""
    levels = model.levels[::-1]
    blocks = (Group(tuple(level), rate * layer_decay**at, decay) for at, level in enumerate(levels))
    return (*blocks, Group(tuple(model.head.parameters()), head_rate))
