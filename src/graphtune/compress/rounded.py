"""A plan of bits carried out in float32: the accuracy that it leaves, not the bytes and speed that it gains.

Source: Jacob et al., CVPR 2018, arXiv:1712.05877 (symmetric rounding, a scale for each output).
"""

from torch import nn

from graphtune.sensitivity.damage import quantise
from graphtune.structure.located import unknown
from graphtune.structure.plans import BitPlan

_WHOLE = 32  # bits


def round_weights(model: nn.Module, plan: BitPlan) -> None:
    """Round the matrices that a plan names to as many steps as their bits tell apart; in place.

    Args:
        model: the transformer that the plan is of, in float32.
        plan: names and bits; a module that shares its weight with one before it is rounded once.

    Raises:
        PlanError: there is no module of a name; nothing is rounded then.
    """
    every = model.named_modules(remove_duplicate=False)
    own = {name: one for name, one in every if [*one.parameters(recurse=False)]}
    missing = [one.name for one in plan.modules if one.name not in own]
    if missing:
        raise unknown(missing[0], own)
    seen: set[int] = set()
    for one in plan.modules:
        weights = {id(parameter) for parameter in own[one.name].parameters(recurse=False)}
        if one.bits < _WHOLE and not weights & seen:
            quantise(own[one.name], one.bits)
        seen |= weights
