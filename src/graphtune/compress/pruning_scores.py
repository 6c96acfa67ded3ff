"""What each head and each feed-forward unit of an encoder is worth, by gradients of a gate in front of it.

Source: Michel, Levy & Neubig, NeurIPS 2019, arXiv:1905.10650, equation 2 (``|dL/dgate|``, the Taylor score);
Kwon et al., NeurIPS 2022, arXiv:2204.09656, section 3.2 (its square, the empirical Fisher information).
A gate's gradient is the sum of gradient times weight over what the gate closes: the head's columns of the map
that joins heads, or the unit's column of the second feed-forward map.
Differs from the papers: gradients are taken text by text, and are not evened out over blocks. Absolute values
add up to more over eight units than the eight are worth together; squares do not.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from graphtune.encoder.block_parts import BlockParts, parts_of
from graphtune.encoder.pooling import pooled
from graphtune.errors import PlanError

Objective = Callable[[Float32[Tensor, "B F"], Int64[np.ndarray, " B"]], Tensor]
Padded = tuple[Int64[np.ndarray, " B"], Int64[Tensor, "B L"], Int64[Tensor, "B L"]]  # rows, ids, mask


@dataclass(frozen=True, eq=False)
class GroupScores:
    """What is lost without each head and each unit of every block; more is worse to lose."""

    heads: tuple[Float64[np.ndarray, " _"], ...]
    units: tuple[Float64[np.ndarray, " _"], ...]

    def check(self, parts: tuple[BlockParts, ...]) -> None:
        """See that there is one number for each head and unit.

        Raises:
            PlanError: there is not, or one is not finite.
        """
        wanted = [(part.heads, part.units) for part in parts]
        given = [(len(heads), len(units)) for heads, units in zip(self.heads, self.units, strict=False)]
        finite = all(np.isfinite(one).all() for one in (*self.heads, *self.units))
        if given != wanted or len(self.heads) != len(self.units) or not finite:
            raise PlanError(
                f"The scores are for blocks with these heads and units: {given}; the encoder has {wanted}.",
                fix="give one finite number for each head and each unit of every block.",
            )


def magnitude(model: nn.Module) -> GroupScores:
    """Return the L2 norms of the weights that each head and unit takes with it; no text is read.

    Raises:
        EncoderError: an architecture whose parts are not known.
    """
    heads, units = [], []
    for part in parts_of(model):
        own = _squares(part.query, part.key, part.value) + part.joined.weight.double().square().sum(0)
        heads.append(own.view(part.heads, -1).sum(1).sqrt().detach().cpu().numpy())
        own = _squares(part.inner) + part.outer.weight.double().square().sum(0)
        units.append(own.sqrt().detach().cpu().numpy())
    return GroupScores(tuple(heads), tuple(units))


def by_gates(
    model: nn.Module, batches: Iterable[Padded], pooling: str, objective: Objective, power: float
) -> GroupScores:
    """Return the mean over texts of ``|gradient of the gate| ** power``.

    ``objective`` makes of a batch's pooled rows the sum of its texts' losses.

    Raises:
        EncoderError: an architecture whose parts are not known.
        PlanError: there is no text, or a gradient is not finite.
    """
    parts = parts_of(model)
    sums = [np.zeros(count) for part in parts for count in (part.heads, part.units)]
    texts, model = 0, model.eval()
    for rows, ids, mask in batches:
        with _Gates(parts) as gates, torch.enable_grad():
            states = model(input_ids=ids, attention_mask=mask).last_hidden_state
            loss = objective(pooled(states, mask, pooling), rows)
            gradients = torch.autograd.grad(loss, gates.made)
        for total, gradient in zip(sums, gradients, strict=True):
            total += gradient.double().abs().pow(power).sum(0).flatten().cpu().numpy()
        texts += len(rows)
    if not texts:
        raise PlanError("There is no text to score heads and units on.", fix="give some texts.")
    means = tuple(total / texts for total in sums)
    found = GroupScores(means[::2], means[1::2])
    found.check(parts)
    return found


class _Gates:
    """Gates of 1 before the maps that join heads and that follow the units, for every text its own."""

    def __init__(self, parts: tuple[BlockParts, ...]) -> None:
        self.parts = parts
        self.made: list[Tensor] = []  # by block: that of the heads, that of the units
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> "_Gates":
        for part in self.parts:
            for linear, groups in ((part.joined, part.heads), (part.outer, part.units)):
                self._handles.append(linear.register_forward_pre_hook(self._gated(groups)))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _gated(self, groups: int) -> Callable[..., Any]:
        def gated(_: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
            x = given[0]
            gate = x.new_ones(len(x), 1, groups, 1, requires_grad=True)
            self.made.append(gate)
            return ((x.unflatten(-1, (groups, -1)) * gate).flatten(-2),)

        return gated


def _squares(*linear: nn.Linear) -> Tensor:
    return torch.stack([one.weight.double().square().sum(1) for one in linear]).sum(0)
