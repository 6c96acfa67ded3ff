"""What every drawn start does with the parameters that are no matrices."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from graphtune.model import Model


def redraw(model: Model, draw: Callable[[Tensor], Tensor]) -> None:
    """Let ``draw`` fill, in place, the matrix G F of every linear map in the layers and of the head.

    Biases become 0. Attention vectors, whatever else has two axes, map a head's width to one score, so each
    row is Xavier's draw for such a map. All other numbers, such as GIN's epsilon, stay as the layer made
    them: what they start from is part of its definition.
    """
    for part in (*model.layers, model.head):
        for module in part.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if isinstance(module, nn.Linear) and name == "weight":
                    draw(parameter)
                elif parameter.dim() == 2:
                    uniform(parameter, 2 / (parameter.shape[1] + 1))
                elif name == "bias":
                    nn.init.zeros_(parameter)


def uniform(weight: Tensor, variance: float) -> Tensor:
    """Fill ``weight`` with independent uniform numbers of mean 0."""
    bound = (3 * variance) ** 0.5
    with torch.no_grad():
        return weight.uniform_(-bound, bound)
