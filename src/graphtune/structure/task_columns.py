"""What a few labelled batches say of each module: its gradients, and what it puts out.

Source: Molchanov et al., CVPR 2019, arXiv:1906.10771, section 3 (|g·w|); Kirkpatrick et al., PNAS 2017,
arXiv:1612.00796 (squared gradients as the diagonal of the Fisher information).
Differs from the papers: gradients are those of a batch's mean loss, not of single texts.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from graphtune.encoder.pooling import pooled
from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy
from graphtune.model import TextBatch, TextModel
from graphtune.structure.exact import exact_scores, first_of
from graphtune.structure.located import module_of
from graphtune.structure.model_graph import ModelGraph

TASK_COLUMNS = (
    "weight norm",  # L2
    "gradient norm",  # L2, of the mean loss
    "relative gradient",  # the same over the weight norm
    "Fisher",  # sum of squared gradients
    "Taylor",  # sum of |gradient · weight|
    "activation mean",
    "activation deviation",  # standard deviation
    "activation near zero",  # share of those below a hundredth of the deviation
    "activation peak",  # largest magnitude over the deviation
    "block cosine",  # of a text's pooled row before the node's block and behind it
)
_NEAR = 0.01  # deviations


def with_task_columns(graph: ModelGraph, model: TextModel, batches: Sequence[TextBatch]) -> ModelGraph:
    """Return the graph with `TASK_COLUMNS`, means over the batches; one forward and backward pass each.

    Padding counts for nothing. The model, whose head should be fitted, stays as it is, bit for bit. NaN: the
    scores do not depend on a module (gradients), it is never run (activations), or it has no weights (all).

    Args:
        graph: of the model.
        model: with nothing frozen.
        batches: labelled texts.

    Raises:
        PlanError: there is no batch, blocks are frozen, or the model has not a module of this name.
    """
    if not batches:
        raise PlanError("There is no batch to take statistics from.", fix="give one or more.")
    if model.encoder.frozen:
        raise PlanError(
            f"The lowest {model.encoder.frozen} blocks are frozen.", fix="load the encoder with none frozen."
        )
    modules = {node.name: module_of(model, node.name) for node in graph.nodes if node.parameters}
    puts_out = {name: _PutOut() for name in modules}
    gradients: list[dict[str, _Gradient]] = []
    cosines: list[list[float]] = []
    with _as_it_was(model):
        for batch in batches:
            with ExitStack() as watched:
                for name, one in modules.items():
                    watched.enter_context(puts_out[name].watching(one, batch.mask))
                states = watched.enter_context(_between_blocks(model))
                loss = CrossEntropy()(exact_scores(model, batch), batch.labels, batch.weights)
            gradients.append(_gradients(loss, modules))
            cosines.append(_cosines(states, batch, model))
    block = [_mean(of_one) for of_one in zip(*cosines, strict=True)]
    known: dict[str, tuple[float, ...]] = {}
    for name, one in modules.items():
        at = graph.nodes[graph.positions[name]].block
        cosine = block[at - 1] if 1 <= at <= len(block) else math.nan
        known[name] = (*_means([found[name] for found in gradients], one), *puts_out[name].numbers(), cosine)
    return graph.with_columns(_as_columns(graph, known))


def _as_columns(graph: ModelGraph, known: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    missing = (math.nan,) * len(TASK_COLUMNS)
    rows = [known.get(node.name, missing) for node in graph.nodes]
    return {column: [row[at] for row in rows] for at, column in enumerate(TASK_COLUMNS)}


@dataclass(frozen=True)
class _Gradient:
    """What one batch says of a module's own weights; NaN = nothing."""

    squares: float
    products: float


def _gradients(loss: Tensor, modules: Mapping[str, nn.Module]) -> dict[str, _Gradient]:
    every = {id(p): p for one in modules.values() for p in one.parameters(recurse=False)}
    found = torch.autograd.grad(loss, list(every.values()), allow_unused=True)
    by_weight = dict(zip(every, found, strict=True))
    return {name: _gradient(one, by_weight) for name, one in modules.items()}


def _gradient(module: nn.Module, by_weight: Mapping[int, Tensor | None]) -> _Gradient:
    own = [(weight.detach(), by_weight[id(weight)]) for weight in module.parameters(recurse=False)]
    reached = [(weight, gradient) for weight, gradient in own if gradient is not None]
    if not reached:
        return _Gradient(math.nan, math.nan)
    products = sum(float((w * g).abs().sum(dtype=torch.float64)) for w, g in reached)
    return _Gradient(sum(_squares(g) for _, g in reached), products)


class _PutOut:
    """What a module put out, summed over batches."""

    def __init__(self) -> None:
        self.count, self.sum, self.squares, self.near, self.most = 0, 0.0, 0.0, 0, 0.0

    @contextmanager
    def watching(self, module: nn.Module, mask: Tensor) -> Iterator[None]:
        handle = module.register_forward_hook(lambda _, __, output: self._add(output, mask))
        try:
            yield
        finally:
            handle.remove()

    def _add(self, output: object, mask: Tensor) -> None:
        states = first_of(output)
        if not isinstance(states, Tensor):
            return
        here = states.detach()
        if here.dim() > 2 and here.shape[:2] == mask.shape:
            here = here[mask.bool()]
        here = here.double()
        self.count += here.numel()
        self.sum += float(here.sum())
        self.squares += float(here.square().sum())
        self.near += int((here.abs() < _NEAR * here.std(correction=0)).sum())
        self.most = max(self.most, float(here.abs().max()))

    def numbers(self) -> tuple[float, float, float, float]:
        if not self.count:
            return math.nan, math.nan, math.nan, math.nan
        mean = self.sum / self.count
        deviation = math.sqrt(max(0.0, self.squares / self.count - mean**2))
        return mean, deviation, self.near / self.count, self.most / deviation if deviation else math.nan


@contextmanager
def _between_blocks(model: TextModel) -> Iterator[list[Tensor]]:
    """Yield what enters the first block and what each block puts out, once the model has run."""
    seen: list[Tensor] = []
    handles = []
    for number, block in enumerate(model.encoder.blocks):
        if not number:
            handles.append(
                block.register_forward_pre_hook(
                    lambda _, given, named: seen.append(given[0] if given else named["hidden_states"]),
                    with_kwargs=True,
                )
            )
        handles.append(block.register_forward_hook(lambda _, __, output: seen.append(first_of(output))))
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _cosines(seen: Sequence[Tensor], batch: TextBatch, model: TextModel) -> list[float]:
    rows = [pooled(states.detach(), batch.mask, model.pooling) for states in seen]
    return [float((a * b).sum(dim=1).mean()) for a, b in pairwise(rows)]


@contextmanager
def _as_it_was(model: TextModel) -> Iterator[None]:
    """Let gradients reach all weights, without dropout, and put everything back."""
    modes = [(module, module.training) for module in model.modules()]
    able = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    model.eval().requires_grad_(True)
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, could in able:
            parameter.requires_grad_(could)


def _means(found: Sequence[_Gradient], module: nn.Module) -> tuple[float, float, float, float, float]:
    weight = math.sqrt(sum(_squares(parameter.detach()) for parameter in module.parameters(recurse=False)))
    norm = _mean([math.sqrt(one.squares) for one in found])
    fisher, taylor = _mean([one.squares for one in found]), _mean([one.products for one in found])
    return weight, norm, norm / weight if weight else math.nan, fisher, taylor


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _squares(tensor: Tensor) -> float:
    return float(tensor.double().square().sum())
