"""One run of a model on one text: what its modules cost, and what they read of one another."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.weak import WeakTensorKeyDictionary

from graphtune.structure.flow import ADDITIONS, Flow, Trail, joined
from graphtune.structure.parts import owners, swallows
from graphtune.structure.subject import Subject

_BYTES = 4  # of a number in float32


@dataclass(frozen=True)
class Observed:
    """What one text costs each node that ran, in the order in which they began."""

    flops: dict[str, int]
    activation_bytes: dict[str, int]
    widths: dict[str, int]  # of the last axis of what a node puts out
    edges: dict[tuple[str, str], bool]  # source and target: is it residual?


def observed(subject: Subject, nodes: dict[str, nn.Module]) -> Observed:
    """Run a model once, without gradients and dropout.

    Attention is worked out by its two products, since of the fused kernels for a CPU torch counts none.
    """
    assert subject.given is not None
    counter = FlopCounterMode(display=False)
    watch = _Watch(owners(nodes), counter)
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(still(subject.module))
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        for name, module in nodes.items():
            if swallows(module):
                stack.enter_context(watch.over(name, module))
        stack.enter_context(counter)
        stack.enter_context(watch)
        subject.module(*subject.given, **subject.named)
    return watch.found()


@contextmanager
def still(model: nn.Module) -> Iterator[None]:
    """Keep a model from learning for a while: as `eval`, and every module as it was afterwards."""
    learning = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in learning:
            module.training = mode


class _Watch(TorchDispatchMode):
    """Follows every operation; those that read the weights of a node are the node's."""

    def __init__(self, owner: dict[int, str], counter: FlopCounterMode) -> None:
        super().__init__()
        self._owner, self._counter, self._flow = owner, counter, Flow()
        self._trails = WeakTensorKeyDictionary()
        self._weights = WeakTensorKeyDictionary()  # node of what is made of its weights alone
        self._running: list[int] = []
        self._flops: dict[str, int] = {}
        self._bytes: dict[str, int] = {}
        self._widths: dict[str, int] = {}
        self._owed = 0  # products between modules, which count for the module that reads them

    def found(self) -> Observed:
        """Return what was seen."""
        if self._flops and self._owed:
            self._flops[self._flow.runs[-1]] += self._owed
        return Observed(self._flops, self._bytes, self._widths, self._flow.edges)

    @contextmanager
    def over(self, name: str, module: nn.Module) -> Iterator[None]:
        """Take all that happens while ``module`` runs for the node's own."""

        def before(_: nn.Module, given: Any, named: Any) -> None:
            run = self._begin(name)
            for trail in self._trails_of(_tensors((given, named))):
                self._flow.read(run, trail)
            self._running.append(run)

        def after(_: nn.Module, __: Any, output: Any) -> None:
            self._put_out(self._running.pop(), _tensors(output))

        handles = [
            module.register_forward_pre_hook(before, with_kwargs=True),
            module.register_forward_hook(after),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        before = self._counter.get_total_flops()
        out = func(*args, **(kwargs or {}))
        flops = self._counter.get_total_flops() - before
        read, made = _tensors((args, kwargs)), _tensors(out)
        owned = [self._owned_by(one) for one in read]
        if read and not self._running and None not in owned:
            # Turned or cut weights are weights.
            self._mark(self._weights, made, owned[0])
            self._owed += flops
            return out
        runs = self._running[-1:] or [self._begin(name) for name in dict.fromkeys(owned) if name is not None]
        trails = self._trails_of(read)
        if runs:
            for run in runs:
                for trail in trails:
                    self._flow.read(run, trail)
            self._flops[self._flow.runs[runs[-1]]] += flops
            if self._running:
                self._mark(self._trails, made, self._flow.output(runs[-1], last_axis(made)))
            else:
                own = joined(self._flow.output(run, last_axis(made)) for run in runs)
                self._put_out(runs[-1], made, own)
        else:
            self._owed += flops
            if trails:
                adds = func._schema.name in ADDITIONS
                trail = self._flow.added(trails, last_axis(made)) if adds else joined(trails)
                self._mark(self._trails, made, trail)
        if func._schema.is_mutable:
            self._pass_on(made)
        return out

    def _begin(self, name: str) -> int:
        self._flops[name] = self._flops.get(name, 0) + self._owed
        self._owed = 0
        return self._flow.begin(name)

    def _put_out(self, run: int, tensors: list[Tensor], trail: Trail | None = None) -> None:
        name = self._flow.runs[run]
        numbers = [one for one in tensors if one.is_floating_point()]
        self._bytes[name] = self._bytes.get(name, 0) + sum(one.numel() for one in numbers) * _BYTES
        self._widths[name] = last_axis(numbers)
        self._mark(self._trails, tensors, trail or self._flow.output(run, last_axis(numbers)))

    def _owned_by(self, tensor: Tensor) -> str | None:
        own = self._owner.get(id(tensor))
        return self._weights.get(tensor) if own is None else own

    def _trails_of(self, tensors: list[Tensor]) -> list[Trail]:
        return [self._trails[one] for one in tensors if one in self._trails]

    def _pass_on(self, made: list[Tensor]) -> None:
        """Tell of what was written to a part of a tensor for the whole of it."""
        for one in made:
            base = one._base
            if base is not None and one in self._trails:
                before = [self._trails[base]] if base in self._trails else []
                self._trails[base] = joined((*before, self._trails[one]))

    @staticmethod
    def _mark(place: WeakTensorKeyDictionary, tensors: list[Tensor], what: Any) -> None:
        for one in tensors:
            place[one] = what


def last_axis(tensors: Sequence[Tensor]) -> int:
    """Return the width of the first tensor; 0 where it has none."""
    return tensors[0].shape[-1] if tensors and tensors[0].dim() else 0


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
