"""A transformer in two: the first blocks stay as they are, those above can learn.

Source: Lee, Tang & Lin, 2019, arXiv:1911.03090, section 3 (tuning the top blocks alone).
Differs from the paper: what the frozen blocks make of a text is worked out once and handed in, so that a step
costs the blocks above alone. Nothing here depends on the architecture: the frozen blocks are replaced by
stand-ins, and that this changes nothing is tried before anything is trained.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from graphtune.encoder.loading import load_model
from graphtune.errors import EncoderError

_PROBE = ((5, 7, 11, 6, 9), (8, 6, 0, 0, 0))  # token ids of two texts, of five tokens and of two
_TOLERANCE = 1e-3


class TunableTransformer(nn.Module):
    """The weights of a transformer, of which those above the first ``frozen`` blocks can learn.

    With ``frozen`` = 0 all can, the embedding included, and the input is token ids; else it is the states
    that block ``frozen`` put out. Parameters that the frozen blocks depend on never learn.

    Args:
        model: a transformers encoder or decoder in float32; it becomes part of this module.
        frozen: how many blocks stay as they are, from the lowest one on.
        checkpointed: what happens within a block is forgotten while learning, and worked out again for its
            gradients: memory for the states between blocks only, at the price of a second forward pass.
        drops: whether its dropout is on while it learns. Off, a step is about an eighth faster on a CPU.

    Raises:
        EncoderError: there is no such block, the architecture cannot be cut there, or its blocks cannot be
            worked out again.
    """

    def __init__(
        self, model: nn.Module, frozen: int, *, checkpointed: bool = False, drops: bool = True
    ) -> None:
        super().__init__()
        self.drops = drops
        self.config: Any = model.config
        self.depth = int(self.config.num_hidden_layers)
        if not 0 <= frozen < self.depth:
            raise EncoderError(
                f"{frozen} of the encoder's {self.depth} blocks cannot be frozen.",
                fix=f"freeze 0 to {self.depth - 1}, so that one is left to tune.",
            )
        self.model, self.frozen = model.eval(), frozen
        # Decoders would keep keys and values for a next token.
        known = inspect.signature(model.forward).parameters
        self._asked = {"use_cache": False} if "use_cache" in known else {}
        self._places = _blocks(model, self.depth)
        if frozen and not self._places:
            raise EncoderError(
                f"A {self.config.model_type} model cannot be cut between its blocks: it has no list of "
                f"{self.depth} of them.",
                fix="tune all of it (nothing frozen), or use another encoder.",
            )
        self._held = list(self._places)[:frozen]  # the frozen blocks, whose places stand-ins take
        learns = self._cut() if frozen else _reached(self._probe(), list(model.parameters()))
        self._below = self._read_by_the_first() if not frozen else set[int]()
        for parameter in [*model.parameters(), *(p for block in self._held for p in block.parameters())]:
            parameter.requires_grad_(id(parameter) in learns)
        if checkpointed:
            self._checkpoint()

    @classmethod
    def load(
        cls, directory: Path, frozen: int, *, checkpointed: bool = False, drops: bool = True
    ) -> "TunableTransformer":
        """Load the weights of a complete directory in float32.

        Raises:
            EncoderError: they cannot be loaded, cut there, or checkpointed.
        """
        return cls(load_model(directory, torch.float32), frozen, checkpointed=checkpointed, drops=drops)

    def train(self, mode: bool = True) -> "TunableTransformer":
        """Let it learn, with dropout unless that is off for good."""
        super().train(mode and self.drops)
        return self

    @property
    def learnable(self) -> list[nn.Parameter]:
        """The parameters that can learn."""
        return [parameter for parameter in self.model.parameters() if parameter.requires_grad]

    @property
    def blocks(self) -> list[nn.Module]:
        """The blocks, or the stand-ins in their places; none where the architecture has no list of them."""
        return list(self._places)

    @property
    def levels(self) -> list[list[nn.Parameter]]:
        """What can learn, from the embedding up: by block; what is behind the last one learns with it."""
        level: dict[int, int] = {}
        for number, block in enumerate(self._places, 1):
            level |= dict.fromkeys(map(id, block.parameters()), number)
        before = self._below
        found: dict[int, list[nn.Parameter]] = {}
        for parameter in self.learnable:
            usual = 0 if id(parameter) in before else len(self._places)
            found.setdefault(level.get(id(parameter), usual), []).append(parameter)
        return [found[number] for number in sorted(found)]

    def forward(
        self, given: Int64[Tensor, "B L"] | Float32[Tensor, "B L F"], mask: Int64[Tensor, "B L"]
    ) -> Float32[Tensor, "B L F"]:
        """Return the states that the last block puts out, from token ids or those of block ``frozen``."""
        if not self.frozen:
            return self._read(given, mask)
        first = self._places[0]
        assert isinstance(first, _StandIn)
        first.states = given
        try:
            # Of the tokens only the number counts: the stand-in puts out its own states.
            ids = torch.zeros(given.shape[:2], dtype=torch.int64, device=given.device)
            return self._read(ids, mask)
        finally:
            first.states = None

    @contextmanager
    def whole(self) -> Iterator[nn.Module]:
        """Yield the transformer with all its blocks in place, for saving it and for reading token ids."""
        stand_ins = list(self._places)[: self.frozen]
        self._put(self._held)
        try:
            yield self.model
        finally:
            self._put(stand_ins)

    def released(self) -> nn.Module:
        """Return the transformer with all its blocks in place for good; it can no longer be tuned."""
        self._put(self._held)
        return self.model

    def _checkpoint(self) -> None:
        if not self._places:
            raise EncoderError(
                f"A {self.config.model_type} model cannot be checkpointed: it has no list of {self.depth} "
                "blocks.",
                fix="leave checkpointed out, or use another encoder.",
            )
        for block in list(self._places)[self.frozen :]:
            block.forward = partial(_again, block.forward)

    def _put(self, blocks: Sequence[nn.Module]) -> None:
        for number, block in enumerate(blocks):
            self._places[number] = block

    def _read(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.model(input_ids=ids, attention_mask=mask, **self._asked).last_hidden_state

    def _probe(self, *, flipped: bool = False) -> Tensor:
        device = next(self.model.parameters()).device
        ids = torch.tensor(_PROBE[::-1] if flipped else _PROBE, device=device)
        return self._read(ids, (ids > 0).long())

    def _read_by_the_first(self) -> set[int]:
        """Return the identities of what the first block's input depends on: the embedding's parameters."""
        if not self._places:
            return set()
        seen: list[Tensor] = []
        handle = self._places[0].register_forward_pre_hook(
            lambda _, given, named: seen.append(given[0] if given else named["hidden_states"]),
            with_kwargs=True,
        )
        try:
            self._probe()
        finally:
            handle.remove()
        return _reached(seen[0], list(self.model.parameters()))

    def _cut(self) -> set[int]:
        """Put the stand-ins in place; return the identities of the parameters that can learn."""
        every = list(self.model.parameters())
        for parameter in every:
            parameter.requires_grad_(True)
        with _watched(self._places[self.frozen - 1]) as seen:
            expected = self._probe()
        below = _reached(seen[0].states, every)
        self._probe(flipped=True)  # so that nothing a block keeps for another is right by chance
        self._put([_StandIn(block, seen[0].as_tuple, first=not at) for at, block in enumerate(self._held)])
        mask = (torch.tensor(_PROBE, device=expected.device) > 0).long()
        found = self(seen[0].states.detach(), mask)
        here = mask.bool()
        if not torch.allclose(found[here], expected[here], atol=_TOLERANCE, rtol=_TOLERANCE):
            self._put(self._held)  # the model may serve whole
            raise EncoderError(
                f"A {self.config.model_type} model cannot be cut between its blocks: they share more than "
                "their states.",
                fix="tune all of it (nothing frozen), or use another encoder.",
            )
        return _reached(found, every) - below


def _again(forward: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Run a block so that it keeps its inputs alone, and runs anew for its gradients."""
    if not torch.is_grad_enabled():
        return forward(*given, **named)
    return checkpoint(forward, *given, use_reentrant=False, **named)


class _StandIn(nn.Module):
    """Takes a frozen block's place: the first puts out the states it is handed, the others what comes in."""

    def __init__(self, block: nn.Module, as_tuple: bool, *, first: bool) -> None:
        super().__init__()
        self.states: Tensor | None = None
        self.as_tuple, self.first = as_tuple, first
        # What a model asks its blocks before it runs them.
        for name in ("attention_type", "layer_type"):
            if hasattr(block, name):
                setattr(self, name, getattr(block, name))

    def forward(self, hidden_states: Tensor, *_: Any, **__: Any) -> Any:
        states = self.states if self.first else hidden_states
        return (states,) if self.as_tuple else states


class _Seen:
    """What a block put out."""

    def __init__(self, output: Any) -> None:
        self.as_tuple = isinstance(output, tuple)
        self.states: Tensor = output[0] if self.as_tuple else output


@contextmanager
def _watched(block: nn.Module) -> Iterator[list[_Seen]]:
    seen: list[_Seen] = []
    handle = block.register_forward_hook(lambda _, __, output: seen.append(_Seen(output)))
    try:
        yield seen
    finally:
        handle.remove()


def _blocks(model: nn.Module, depth: int) -> nn.ModuleList:
    """Return the list of blocks; an empty one where the architecture has none."""
    lists = (module for module in model.modules() if isinstance(module, nn.ModuleList))
    return next((one for one in lists if len(one) == depth), nn.ModuleList())


def _reached(output: Tensor, parameters: Sequence[nn.Parameter]) -> set[int]:
    """Return the identities of the parameters that ``output`` depends on."""
    able = [parameter for parameter in parameters if parameter.requires_grad]
    gradients = torch.autograd.grad(output.sum(), able, retain_graph=True, allow_unused=True)
    return {id(p) for p, gradient in zip(able, gradients, strict=True) if gradient is not None}
