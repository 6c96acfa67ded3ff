"""What is done to a module's weights to see how much it matters: half of them set to zero, or rounded.

Source: LeCun, Denker & Solla, NeurIPS 1989 (what the loss does when weights are removed); Jacob et al., CVPR
2018, arXiv:1712.05877 (symmetric rounding, a scale for each output).
"""

from typing import Any

import torch
from torch import Tensor, nn

from graphtune.structure import Kind

_BY_HEADS = ("query", "key", "value", "attention output")
_BY_COLUMNS = ("attention output", "feed-forward out")  # their units are what they read


def heads_of(config: Any, kind: Kind) -> int:
    """Return how many heads a module of this kind has; 1 = it has none, or they are not known."""
    if kind not in _BY_HEADS:
        return 1
    heads = getattr(config, "num_attention_heads", None)
    shared = getattr(config, "num_key_value_heads", None) if kind in ("key", "value") else None
    return int(shared or heads or 1)


def prune(module: nn.Module, kind: Kind, share: float, heads: int) -> None:
    """Set a share of a module's units to zero, those of the smallest norm first; in place.

    The units of what makes queries, keys and values, and of what reads attention, are its heads; those of
    the feed-forward part its hidden units; of all else its rows (of an embedding, tokens).
    """
    weight = _by_outputs(module)
    columns = kind in _BY_COLUMNS
    along = weight.T if columns else weight
    units = heads if kind in _BY_HEADS and heads > 1 and len(along) % heads == 0 else len(along)
    norms = along.reshape(units, -1).double().norm(dim=1)
    gone = torch.zeros(units, dtype=torch.bool, device=weight.device)
    gone[norms.argsort(stable=True)[: int(share * units)]] = True
    gone = gone.repeat_interleave(len(along) // units)
    along[gone] = 0.0
    bias = getattr(module, "bias", None)
    if isinstance(bias, Tensor) and not columns and bias.shape == gone.shape:
        bias.detach()[gone] = 0.0


def quantise(module: nn.Module, bits: int) -> None:
    """Round a module's weight to so many bits: as many steps up as down, one scale an output; in place.

    What is no matrix, such as a norm's, has one scale in all; biases stay.
    """
    weight = _by_outputs(module)
    most = 2 ** (bits - 1) - 1
    largest = weight.abs().amax(dim=1, keepdim=True) if weight.dim() > 1 else weight.abs().amax()
    scale = torch.where(largest > 0, largest / most, torch.ones_like(largest))
    weight.copy_((weight / scale).round_() * scale)


def _by_outputs(module: nn.Module) -> Tensor:
    """Return a view of the weight whose rows are the outputs; an embedding's are its tokens."""
    from transformers.pytorch_utils import Conv1D  # the linear map of GPT-2

    own = list(module.parameters(recurse=False))
    weight = getattr(module, "weight", None)
    weight = weight if isinstance(weight, nn.Parameter) else max(own, key=lambda one: one.numel())
    weight = weight.detach()
    return weight.T if isinstance(module, Conv1D) else weight
