"""A small task that can be learned, a model for it, and a way to be killed while training."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from graphtune.graph import TextGraph, propagate
from graphtune.model import Batch, Model, Task
from graphtune.phase import Phase
from graphtune.strategy.strategy import Strategy
from graphtune.train import Training, train


class Hop(nn.Module):
    hops = 1

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.map = nn.Linear(inputs, outputs)

    def forward(self, x, graph: TextGraph):
        return propagate(graph.with_loops().normalised(), self.map(x))


def small_task(*, nodes: int = 60, features: int = 8, classes: int = 3, val: int = 15) -> Task:
    generator = torch.Generator().manual_seed(7)
    labels = torch.arange(nodes) % classes
    centres = torch.randn(classes, features, generator=generator)
    x = centres[labels] + 1.5 * torch.randn(nodes, features, generator=generator)
    source = torch.randint(nodes, (4 * nodes,), generator=generator)
    target = (source + classes * torch.randint(nodes, (4 * nodes,), generator=generator)) % nodes
    graph = TextGraph.from_edges(source, target, nodes=nodes)
    hidden = torch.where(torch.arange(nodes) < 40, labels, -1)
    return Task(x, graph, hidden, classes, torch.arange(40 - val), torch.arange(40 - val, 40))


def small_model(task: Task, *, seed: int = 0, hidden: int = 5, layers: bool = True) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        inputs = task.features.shape[1]
        stack = [Hop(inputs, hidden)] if layers else []
        return Model(stack, nn.Linear(hidden if layers else inputs, task.classes), dropout=0.3)


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def the_seed_decides(method: Strategy, settings: Training) -> None:
    """The same seed gives the same weights, bit for bit, and another one others."""

    def result(seed: int) -> dict[str, torch.Tensor]:
        task = small_task()
        model = small_model(task)
        train(method, model, task, settings, seed=seed)
        return weights(model)

    assert same(result(1), result(1))
    assert not same(result(1), result(2))


class KilledError(Exception):
    pass


@dataclass(frozen=True)
class Mortal:
    """A strategy that dies at its n-th loss; it looks like the one inside, so that a resume is accepted."""

    inside: Strategy
    losses: int
    calls: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return repr(self.inside)

    def phases(self, model: nn.Module, task: object) -> Iterator[Phase]:
        for phase in self.inside.phases(model, task):
            yield replace(phase, loss=lambda batch, phase=phase: self._loss(phase, batch))

    def _loss(self, phase: Phase, batch: Batch) -> torch.Tensor:
        self.calls.append(phase.name)
        if len(self.calls) >= self.losses:
            raise KilledError
        return phase.loss(batch)


@dataclass(frozen=True, eq=False)
class Watched:
    """Keeps, for each phase, which parameters were declared and which moved."""

    inside: Strategy
    declared: list[set[str]]
    moved: list[set[str]]

    def phases(self, model: nn.Module, task: object) -> Iterator[Phase]:
        for phase in self.inside.phases(model, task):
            chosen = {id(p) for group in phase.groups for p in group.parameters}
            before = {name: p.detach().clone() for name, p in model.named_parameters()}
            self.declared.append({name for name, p in model.named_parameters() if id(p) in chosen})
            yield phase
            after = dict(model.named_parameters())
            self.moved.append({name for name in before if not torch.equal(before[name], after[name])})
