"""From the name of a node to the module it stands for."""

from collections.abc import Iterable
from difflib import get_close_matches

from torch import nn

from graphtune.errors import PlanError
from graphtune.model import TextModel

_FEW = 3  # nearest names that are told


def module_of(model: TextModel, name: str) -> nn.Module:
    """Return the module of a node; names begin at the transformer, or at the model that holds it.

    Raises:
        PlanError: there is no module of this name with weights of its own; the nearest are named.
    """
    for start in (model.encoder.model, model):
        try:
            found = start.get_submodule(name)
        except AttributeError:
            continue
        if any(True for _ in found.parameters(recurse=False)):
            return found
    there = [n for n, one in model.encoder.model.named_modules() if [*one.parameters(recurse=False)]]
    raise unknown(name, there)


def unknown(name: str, there: Iterable[str]) -> PlanError:
    """Return the error for a module that is not among those ``there``."""
    every = list(there)
    near = get_close_matches(name, every, n=_FEW, cutoff=0.0)
    return PlanError(
        f"There is no module {name!r} with weights of its own.",
        fix=f"use the name of one, such as {', '.join(near) or 'those of another model'}.",
    )
