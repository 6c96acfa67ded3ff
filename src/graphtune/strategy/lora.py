"""Low-rank updates of linear maps whose own weights stay as they are, merged into them in the end.

Source: Hu et al., ICLR 2022, arXiv:2106.09685, section 4.1; the updates are those of the library PEFT.
Differs from the paper: no dropout on the update; a head learns beside it; maps of blocks that are frozen, or
that nothing reads, get none.
"""

import importlib.util
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import nn

from graphtune.errors import MissingExtraError, PlanError
from graphtune.loss import CrossEntropy, Loss
from graphtune.model import Problem, TextModel
from graphtune.phase import Group, Phase

# How architectures name what makes queries and values; where one map makes both, its name.
_APART = ("query", "value", "query_proj", "value_proj", "q", "v", "q_lin", "v_lin", "q_proj", "v_proj")
_USUAL = frozenset((*_APART, "query_key_value", "qkv", "qkv_proj", "Wqkv", "in_proj", "c_attn"))


@dataclass(frozen=True)
class LoRA:
    """Learn an update of low rank for each target, and the head.

    When training has ended, the updates are added to the weights: nothing is left of them but that.

    Raises:
        PlanError: a value is out of its range; no linear map that can learn is a target (on the first phase).
        MissingExtraError: PEFT is not installed (on the first phase).
    """

    targets: tuple[str, ...] = ()  # last part of a linear map's name; none = queries and values of attention
    rank: int = 8
    scale: float = 2.0  # alpha / rank in the paper
    rate: float = 2e-3  # AdamW step size
    head_rate: float = 5e-3
    epochs: int = 8  # at most
    loss: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise PlanError(f"rank = {self.rank} makes no update.", fix="use 1 or more; 4 to 16 are usual.")
        if not self.scale > 0:
            raise PlanError(f"scale = {self.scale} makes no update.", fix="use more than 0; 1 to 2 is usual.")

    def phases(self, model: TextModel, task: Problem) -> Iterator[Phase]:
        """Put the updates beside the targets, train once, and merge them."""
        chosen = targeted(model.encoder.model, self.targets)
        with updated(model, dict.fromkeys(chosen, self.rank), self.scale) as updates:
            learned = tuple(parameter for own in updates.values() for parameter in own)
            yield Phase(
                "lora",
                (Group(learned, self.rate), Group(tuple(model.head.parameters()), self.head_rate)),
                lambda batch: self.loss(model(batch), batch.labels, batch.weights),
                self.epochs,
            )


@contextmanager
def updated(
    model: TextModel, ranks: Mapping[str, int], scale: float
) -> Iterator[dict[str, tuple[nn.Parameter, ...]]]:
    """Put updates of some ranks beside linear maps; yield what learns of each, and merge it in the end.

    Raises:
        MissingExtraError: PEFT is not installed.
    """
    if importlib.util.find_spec("peft") is None:
        raise MissingExtraError("lora", "LoRA")
    from peft import LoraConfig, LoraModel

    inner = model.encoder.model
    exact = {re.escape(name): rank for name, rank in ranks.items()}
    config = LoraConfig(
        target_modules=sorted(ranks),
        rank_pattern=exact,
        alpha_pattern={name: scale * rank for name, rank in exact.items()},  # it is divided by the rank
        fan_in_fan_out=not all(isinstance(inner.get_submodule(name), nn.Linear) for name in ranks),
    )
    able = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    wrapped = LoraModel(inner, config, "default")
    learned = {name: p for name, p in inner.named_parameters() if ".lora_" in name}
    try:
        yield {
            name: tuple(p for own, p in learned.items() if own.startswith(f"{name}.lora_")) for name in ranks
        }
    finally:
        wrapped.merge_and_unload()
        for parameter, could in able:
            parameter.requires_grad_(could)


def targeted(model: nn.Module, targets: tuple[str, ...]) -> dict[str, nn.Module]:
    """Return the linear maps that can learn and whose names end in one of ``targets``.

    Without targets: those that make the queries and values of attention; where no name tells, all maps of
    attention; where there is none, all maps.

    Raises:
        PlanError: there is no such map.
    """
    every = linear(model)
    if targets:
        found = {name: one for name, one in every.items() if _last(name) in targets}
    else:
        attention = {n: one for n, one in every.items() if any("att" in p for p in n.split(".")[:-1])}
        found = {n: one for n, one in attention.items() if _last(n) in _USUAL} or attention or every
    if not found:
        there = sorted({_last(name) for name in every})
        raise PlanError(
            f"strategy.targets = {targets} matches no linear map of the encoder that can learn.",
            fix=f"use one or more of {', '.join(there)}; leave them out for those of attention.",
        )
    return found


def linear(model: nn.Module) -> dict[str, nn.Module]:
    """Return the linear maps that can learn, by name."""
    return {name: one for name, one in model.named_modules() if _learns(one)}


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _learns(module: nn.Module) -> bool:
    from transformers.pytorch_utils import Conv1D  # the linear map of GPT-2

    return isinstance(module, nn.Linear | Conv1D) and module.weight.requires_grad
