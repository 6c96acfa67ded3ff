"""Let the heads and units that are left make up for those that go.

Source: Kwon et al., NeurIPS 2022, arXiv:2204.09656, section 3.4 (least squares, layer by layer, on what a
layer puts out for a few texts).
Differs from the paper: the weights and biases behind heads and units are solved for, not one scale for each;
all layers at once, from what the whole encoder hands them; a penalty holds weights near what they were.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from graphtune.compress.pruning_scores import Padded
from graphtune.encoder.block_parts import parts_of
from graphtune.encoder.pruned import cut

_PENALTY = 1e-3  # of a change, as a share of the mean square of what the map reads


def cut_and_refit(
    model: nn.Module,
    batches: Iterable[Padded],
    heads: Sequence[Sequence[int]],
    units: Sequence[Sequence[int]],
) -> None:
    """Keep in place the heads and units at these positions, and change the maps behind them.

    What a map puts out for the tokens of the texts is then as near as can be to what it did.

    Raises:
        EncoderError: an architecture whose parts are not known.
    """
    maps: list[_Map] = []
    for part, own_heads, own_units in zip(parts_of(model), heads, units, strict=True):
        width = part.head_width
        places = [head * width + place for head in own_heads for place in range(width)]
        maps += [_Map.of(part.joined, places), _Map.of(part.outer, own_units)]
    maps = [one for one in maps if len(one.gone)]
    for _, ids, mask in batches:
        handles = [one.linear.register_forward_pre_hook(one.reader(mask.bool())) for one in maps]
        try:
            with torch.no_grad():
                model(input_ids=ids, attention_mask=mask)
        finally:
            for handle in handles:
                handle.remove()
    cut(model, heads, units)
    for one in maps:
        one.refit()


@dataclass(eq=False)
class _Map:
    """A map some of whose inputs go."""

    linear: nn.Linear
    kept: Tensor  # positions of inputs
    gone: Tensor
    lost: Tensor  # weights of the inputs that go
    moments: Tensor  # of the kept inputs and 1, with themselves and with those that go

    @classmethod
    def of(cls, linear: nn.Linear, places: Sequence[int]) -> "_Map":
        kept = torch.as_tensor(places)
        stays = torch.zeros(linear.in_features, dtype=torch.bool)
        stays[kept] = True
        gone = torch.arange(linear.in_features)[~stays]
        moments = torch.zeros(len(kept) + 1, linear.in_features + 1)
        return cls(linear, kept, gone, linear.weight.detach()[:, gone].clone(), moments)

    def reader(self, mask: Tensor) -> Callable[..., Any]:
        """Return a hook that takes in what the map reads of tokens."""

        def read(_: nn.Module, given: tuple[Tensor]) -> None:
            x = given[0][mask]
            left = torch.cat([x[:, self.kept], x.new_ones(len(x), 1)], 1)
            self.moments += left.T @ torch.cat([left, x[:, self.gone]], 1)

        return read

    def refit(self) -> None:
        """Change weights and bias of the map, from which the other inputs have been cut."""
        size = len(self.kept) + 1
        own, beside = self.moments.double().split([size, len(self.gone)], 1)
        penalty = torch.full((size,), _PENALTY * float(own.diagonal()[:-1].mean()), dtype=own.dtype)
        penalty[-1] = 0.0  # of the bias
        change = torch.linalg.solve(own + penalty.diag(), beside @ self.lost.double().T).float()
        with torch.no_grad():
            self.linear.weight += change[:-1].T
            self.linear.bias += change[-1]
