"""Which tensors a phase may move, and copies of them."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.model import Problem
from graphtune.phase import Phase
from graphtune.strategy.strategy import Strategy
from graphtune.train.settings import Training


def learned(phase: Phase, model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that ``phase`` learns, each once.

    Raises:
        PlanError: there are none, one is in two groups, or one does not belong to the model.
    """
    chosen = [p for group in phase.groups for p in group.parameters]
    where = f"phase '{phase.name}'"
    if not chosen:
        raise PlanError(f"{where} learns no parameter.", fix="choose a strategy that fits this model.")
    if len({id(p) for p in chosen}) < len(chosen):
        raise PlanError(f"{where} has a parameter in two groups.", fix="put every parameter in one group.")
    known = {id(p) for p in model.parameters()}
    strange = [tuple(p.shape) for p in chosen if id(p) not in known]
    if strange:
        raise PlanError(
            f"{where} learns parameters that are not the model's, of shapes {strange}.",
            fix="let the strategy register the modules it creates on the model before it yields.",
        )
    return chosen


@contextmanager
def only(parameters: list[nn.Parameter], model: nn.Module) -> Iterator[None]:
    """Let gradients reach ``parameters`` and no others inside the block."""
    before = [(p, p.requires_grad) for p in model.parameters()]
    wanted = {id(p) for p in parameters}
    for parameter, _ in before:
        parameter.requires_grad_(id(parameter) in wanted)
        parameter.grad = None
    try:
        yield
    finally:
        for parameter, flag in before:
            parameter.requires_grad_(flag)
            parameter.grad = None


def live(model: nn.Module, among: list[nn.Parameter] | None = None) -> dict[str, Tensor]:
    """Return the model's own tensors by name: all buffers, and the parameters (those ``among``)."""
    wanted = None if among is None else {id(p) for p in among}
    parameters = ((n, p) for n, p in model.named_parameters() if wanted is None or id(p) in wanted)
    return {name: tensor.detach() for name, tensor in chain(parameters, model.named_buffers())}


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies that later steps leave alone."""
    return {name: tensor.clone() for name, tensor in tensors.items()}


def put(tensors: Mapping[str, Tensor], model: nn.Module) -> None:
    """Copy ``tensors`` into the model's tensors of the same names; the parameters stay the same objects."""
    there = live(model)
    with torch.no_grad():
        for name, tensor in tensors.items():
            there[name].copy_(tensor)


def fingerprint(strategy: Strategy, model: nn.Module, task: Problem, settings: Training, seed: int) -> str:
    """Return a hash of everything that decides the weights training ends with, save the first weights."""
    settings = replace(settings, tensorboard=None, checkpoint_seconds=0.0)
    shapes = [(name, tuple(tensor.shape)) for name, tensor in live(model).items()]
    said: Any = model
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((strategy, settings, seed, said.settings, shapes)).encode())
    digest.update(task.digest())
    return digest.hexdigest()
