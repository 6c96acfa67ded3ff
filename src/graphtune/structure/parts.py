"""Which modules of a model are nodes of its graph, and which stand in its blocks."""

from collections.abc import Iterator

import torch
from torch import nn

from graphtune.layer import ALL


def parts(model: nn.Module) -> dict[str, nn.Module]:
    """Return the nodes by name, in the order of the module tree.

    They are the modules that hold weights themselves, and whole graph layers and poolings, whatever they are
    made of. A module that stands in several places is named by the first.
    """
    found: dict[str, nn.Module] = {}
    inside: tuple[str, ...] = ()
    for name, module in model.named_modules():
        if inside and name.startswith(inside):
            continue
        if is_whole(module):
            found[name] = module
            inside = (*inside, f"{name}." if name else "")
        elif next(module.parameters(recurse=False), None) is not None:
            found[name] = module
    return found


def is_whole(module: nn.Module) -> bool:
    """Say whether a module is one node together with all that is in it."""
    return isinstance(module, (*ALL, Pooling))


class Pooling(nn.Module):
    """A text's row from the states of its tokens, as `graphtune.encoder.pooling` makes it."""

    def __init__(self, pooling: str) -> None:
        super().__init__()
        self.pooling = pooling

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return one row for every text."""
        from graphtune.encoder.pooling import pooled

        return pooled(states, mask, self.pooling)


def swallows(module: nn.Module) -> bool:
    """Say whether all that happens while a node runs is its own: no other node is within it."""
    within = (one for one in module.modules() if one is not module)
    return is_whole(module) or all(next(one.parameters(recurse=False), None) is None for one in within)


def owners(nodes: dict[str, nn.Module]) -> dict[int, str]:
    """Return the node of every parameter, by identity; one that is shared has the first."""
    found: dict[int, str] = {}
    for name, module in nodes.items():
        for parameter in own_parameters(module):
            found.setdefault(id(parameter), name)
    return found


def own_parameters(module: nn.Module) -> Iterator[nn.Parameter]:
    """Yield the parameters of a node."""
    return module.parameters(recurse=is_whole(module))


def blocks(model: nn.Module, depth: int | None) -> list[str]:
    """Return the names of a model's blocks in order, of which there are ``depth``, if that is known.

    They are the elements of one list: of ``depth`` modules; else the one of modules of one class that holds
    most weights (in ALBERT one module stands for all blocks). Where there is no such list, there are no
    blocks.
    """
    lists = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList | nn.Sequential) and len(module)
    }
    chosen = next((name for name, module in lists.items() if len(module) == depth), None)
    if chosen is None:
        alike = {name: _weights(one) for name, one in lists.items() if _alike(one, known=depth is not None)}
        chosen = max(alike, key=lambda name: alike[name], default=None)
    if chosen is None:
        return []
    prefix = f"{chosen}." if chosen else ""
    return [f"{prefix}{number}" for number in range(len(lists[chosen]))]


def _alike(stack: nn.ModuleList | nn.Sequential, *, known: bool) -> bool:
    """Say whether a list can be one of blocks; ``known`` = there are some, but no list of so many."""
    if not all(next(one.parameters(), None) is not None for one in stack):
        return False
    if all(is_whole(one) for one in stack):
        return True
    # A list of plain maps, as in a head of two layers, is no list of blocks.
    return (
        len({type(one) for one in stack}) == 1 and (known or len(stack) > 1) and all(map(_has_parts, stack))
    )


def _has_parts(module: nn.Module) -> bool:
    return next(module.children(), None) is not None


def _weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
