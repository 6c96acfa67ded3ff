"""Tune exactly the modules that a plan names, by their own weights or by low-rank updates, and the head.

Source: Lee et al., ICLR 2023, arXiv:2210.11466 (some modules alone); Zhang et al., ICLR 2023,
arXiv:2303.10512 (a rank for each matrix).
Differs from the papers: the plan is given; nothing of it changes while training.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import ClassVar

from torch import nn

from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Problem, TextModel
from graphtune.phase import Group, Phase
from graphtune.strategy.lora import linear, updated
from graphtune.structure.located import module_of
from graphtune.structure.plans import ModuleTuning, TuningPlan


@dataclass(frozen=True)
class PlannedTuning:
    """Learn what the plan names, at a step size of its own where it has one, and the head.

    When training has ended, low-rank updates are added to the weights.

    Raises:
        PlanError: the encoder has not a module of the plan, it is frozen or nothing reads it, or an update
            has no linear map to go with (on the first phase).
        MissingExtraError: the plan has updates, and PEFT is not installed (on the first phase).
    """

    compared: ClassVar[bool] = False  # a plan is of one encoder and task

    plan: TuningPlan = field(default_factory=lambda: TuningPlan(top=1))
    rate: float = 2e-4  # AdamW step size of weights for which the plan names none
    update_rate: float = 2e-3  # and of low-rank updates
    scale: float = 2.0  # of the updates: alpha / rank in the paper on LoRA
    head_rate: float = 5e-3
    decay: float = 0.01  # AdamW decoupled weight decay, of the encoder's weights
    epochs: int = 8  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def phases(self, model: TextModel, task: Problem) -> Iterator[Phase]:
        """Put the updates beside their maps, train once, and merge them."""
        whole = [one for one in self.plan.modules if not one.rank]
        groups = self._blocks(model) + [self._weights(model, one) for one in whole]
        beside = {self._map(model, one): one for one in self.plan.modules if one.rank}
        ranks = {name: one.rank for name, one in beside.items()}
        with updated(model, ranks, self.scale) if ranks else nullcontext({}) as updates:
            groups += [Group(own, beside[name].rate or self.update_rate) for name, own in updates.items()]
            yield Phase(
                "planned",
                (*_each_once(groups), Group(tuple(model.head.parameters()), self.head_rate)),
                lambda batch: self.loss(model(batch), batch.labels, batch.weights),
                self.epochs,
            )

    def _blocks(self, model: TextModel) -> list[Group]:
        top, able = self.plan.top, model.encoder.depth - model.encoder.frozen
        if top > able:
            raise PlanError(
                f"The plan tunes the top {top} blocks, of which {able} can learn.",
                fix=f"let as many learn as the plan tunes (blocks = {top} of Tuned), or plan for {able}.",
            )
        levels = model.levels[-top:] if top else []
        return [Group(tuple(level), self.rate, self.decay) for level in levels]

    def _weights(self, model: TextModel, one: ModuleTuning) -> Group:
        own = tuple(module_of(model, one.name).parameters(recurse=False))
        if not all(parameter.requires_grad for parameter in own):
            raise PlanError(
                f"The plan tunes {one.name!r}, which cannot learn: it is frozen, or nothing reads it.",
                fix="let more blocks learn (blocks of Tuned), or leave it out of the plan.",
            )
        return Group(own, one.rate or self.rate, self.decay)

    def _map(self, model: TextModel, one: ModuleTuning) -> str:
        """Return the name that a linear map has within the transformer."""
        module = module_of(model, one.name)
        found = (name for name, other in linear(model.encoder.model).items() if other is module)
        name = next(found, None)
        if name is None:
            raise PlanError(
                f"The plan has an update of {one.name!r}, which is no linear map that can learn.",
                fix="leave rank out, so that its own weights learn, or let more blocks learn.",
            )
        return name


def _each_once(groups: list[Group]) -> Iterator[Group]:
    """Yield the groups; a parameter that modules share stays in the first."""
    seen: set[int] = set()
    for group in groups:
        own: list[nn.Parameter] = [p for p in group.parameters if id(p) not in seen]
        seen |= {id(parameter) for parameter in own}
        if own:
            yield Group(tuple(own), group.rate, group.decay)
