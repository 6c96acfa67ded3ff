"""How networks over model graphs learn: the order of modules, and to tell the others by a few.

Beside the order itself, in every step eight modules of some models are measured, those that tell most or any,
and how the order of the others comes out by these is what counts. What makes modules alike is thus learned
from the same sets as all else. The network has seen the order of these models, too, so that it trusts what it
predicts a little more than on models that it never saw.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from graphtune.structure import ModelGraph
from graphtune.structure.gnn import (
    INPUTS,
    START,
    Places,
    StructureGNN,
    comparable,
    inputs,
    measurable,
    normal_scores,
    probes,
    refined,
    relations_of,
    tells_a_scale,
)
from graphtune.structure.purpose import PURPOSES
from graphtune.structure.scores import MEASURED_COLUMNS

PROBES = 8
EPOCHS = 150
_WIDTH, _DEPTH, _RATE, _DECAY, _DROP = 24, 2, 3e-3, 1e-2, 0.2
_LIKENESS_RATE = 3e-2
_READ = 16  # models that are probed in a step
_TELLING = 0.5  # of the probed models, where those modules that tell most are measured instead of any
_HARMS = 0.3  # of the probed models of which each harm counts: that is learned soon
_FLAT = 1e-4  # length of an order below which it has no direction
HOW: Final = (
    *(PROBES, EPOCHS, _WIDTH, _DEPTH, _RATE, _DECAY, _DROP),
    *(_LIKENESS_RATE, _READ, _TELLING, _HARMS, _FLAT, tuple(START.items())),
)


@dataclass(frozen=True, eq=False)
class Lesson:
    """One model on one set, all of it measured."""

    graph: ModelGraph  # without what was measured
    places: Places
    measured: np.ndarray  # [N, 3], by purpose
    targets: Tensor  # [N, 3], their normal scores

    @classmethod
    def of(cls, measured: ModelGraph, bare: ModelGraph) -> "Lesson":
        """Return what is learned from a graph with measured columns, by one without."""
        numbers = np.column_stack([measured.column(MEASURED_COLUMNS[purpose]) for purpose in PURPOSES])
        targets = np.column_stack([normal_scores(column) for column in numbers.T])
        return cls(bare, Places.of(bare), numbers, torch.from_numpy(targets.astype(np.float32)))


def taught(lessons: Sequence[Lesson], seed: int, *, edges: bool = True) -> StructureGNN:
    """Return a network that learned from all lessons, all of them in each step."""
    x = torch.cat([inputs(one.graph) for one in lessons])
    relations = relations_of(*(one.graph for one in lessons))
    sizes = [len(one.graph.nodes) for one in lessons]
    models = torch.arange(len(lessons)).repeat_interleave(torch.tensor(sizes))
    target, shares = torch.cat([one.targets for one in lessons]), shares_of([one.targets for one in lessons])
    known, drawn = target.isfinite(), np.random.default_rng(seed)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        network = StructureGNN(len(INPUTS), _WIDTH, _DEPTH, edges=edges).train()
        for _ in _steps(network):
            states = network.embedded(x, relations, _DROP, models)
            said = network.leave(states)
            order = ((said - target)[known].square() * shares[known]).sum()
            parts = zip(lessons, states.split(sizes), said.split(sizes), strict=True)
            some = set(drawn.permutation(len(lessons))[:_READ].tolist())
            missed = [_missed(network, *part, drawn) for number, part in enumerate(parts) if number in some]
            (order + torch.stack(missed).mean()).backward()
    return network.eval()


def _steps(network: StructureGNN) -> Iterator[None]:
    rest = [one for name, one in network.named_parameters() if not name.startswith("likeness.")]
    groups: list[dict[str, Any]] = [
        {"params": rest, "weight_decay": _DECAY},
        {"params": [*network.likeness.parameters()], "lr": _LIKENESS_RATE, "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, _RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    for _ in range(EPOCHS):
        optimiser.zero_grad()
        yield
        optimiser.step()
        schedule.step()


def _missed(
    network: StructureGNN, lesson: Lesson, states: Tensor, said: Tensor, drawn: np.random.Generator
) -> Tensor:
    """Return how far the orders of a model's modules come out wrong after probes: 0 is right."""
    likeness = network.likeness
    alike, noise = likeness(states, lesson.places), likeness["noise"]
    costs, able = measurable(lesson.graph)
    if drawn.random() < _TELLING:
        at = probes(alike.detach().double().numpy(), costs, able, PROBES, float(noise.detach()))
    else:
        at = drawn.choice(able, min(PROBES, len(able)), replace=False)
    missed = said.new_zeros(())
    for number, purpose in enumerate(PURPOSES):
        truth, measured = lesson.targets[:, number], lesson.measured[at, number]
        counts = purpose == "tune" or drawn.random() < _HARMS
        if not counts or not np.isfinite(measured).all() or not tells_a_scale(measured, purpose):
            continue
        known = torch.from_numpy(comparable(measured, purpose)).float()
        found = refined(said[:, number], alike, torch.from_numpy(at), known, noise, likeness["belief"])
        left = truth.isfinite()
        left[at] = False
        missed = missed + 1.0 - _correlation(found[left], truth[left])
    return missed


def _correlation(found: Tensor, truth: Tensor) -> Tensor:
    one, other = found - found.mean(), truth - truth.mean()
    if min(float(one.detach().norm()), float(other.norm())) < _FLAT:
        return one.new_zeros(())
    return (one @ other) / (one.norm() * other.norm())


def shares_of(targets: Sequence[Tensor]) -> Tensor:
    """Return what each number counts: every case alike, however many it has, and what is NaN nothing."""
    return torch.cat([one.isfinite() / one.isfinite().sum().clamp(min=1) / len(targets) for one in targets])
