"""Tune an encoder and a head on labels.

Source: Devlin et al., NAACL 2019, arXiv:1810.04805, section 4; Howard & Ruder, ACL 2018, arXiv:1801.06146,
section 3.2, for smaller steps further down.
Differs from the papers: the head has a step size of its own, for it starts from nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Problem, TextModel
from graphtune.phase import Group, Phase


@dataclass(frozen=True)
class EncoderTuning:
    """Learn all of the encoder that is not frozen, and the head."""

    rate: float = 2e-4  # AdamW step size of the last block
    layer_decay: float = 1.0  # share of a block's step size that the one below it has
    head_rate: float = 5e-3
    decay: float = 0.01  # AdamW decoupled weight decay
    epochs: int = 8  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def phases(self, model: TextModel, task: Problem) -> Iterator[Phase]:
        """Train once."""
        yield Phase(
            "encoder",
            groups(model, self.rate, self.layer_decay, self.head_rate, self.decay),
            lambda batch: self.loss(model(batch), batch.labels, batch.weights),
            self.epochs,
        )


def groups(
    model: TextModel, rate: float, layer_decay: float, head_rate: float, decay: float
) -> tuple[Group, ...]:
    """Return the encoder's parameters by block, with steps that shrink downwards, and the head's."""
    levels = model.levels[::-1]
    blocks = (Group(tuple(level), rate * layer_decay**at, decay) for at, level in enumerate(levels))
    return (*blocks, Group(tuple(model.head.parameters()), head_rate))
