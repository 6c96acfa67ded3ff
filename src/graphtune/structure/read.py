"""Reading a model as a graph of its own modules."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from torch import nn

from graphtune.errors import ModelError
from graphtune.structure.exported import exported
from graphtune.structure.kinds import kind_of, map_shape
from graphtune.structure.model_graph import Kind, ModelEdge, ModelGraph, ModuleNode, Traced
from graphtune.structure.observed import Observed, observed
from graphtune.structure.parts import blocks, own_parameters, parts
from graphtune.structure.subject import Subject, subject

TOKENS = 128  # of the text that costs are told for, where nothing else is asked for
_BYTES = 4  # of a number in float32
Edges = Mapping[tuple[str, str], bool]


def read(model: nn.Module, tokens: int = TOKENS, *, example: tuple[Any, ...] | None = None) -> ModelGraph:
    """Return the modules of a model that hold weights, what a text costs each, and who reads whom.

    A transformer, `TunableTransformer`, `TextModel`, `Model` or `Assembled` is run once on a text of
    ``tokens`` tokens (a network over a graph: on one node without neighbours), another module on ``example``
    or, without one, on token ids or rows of ones, whichever its first module reads. Costs are counted in that
    run. Edges are those of ``torch.export``; where that cannot follow the model, those seen in the run; where
    it cannot be run, each module of the module tree reads the one before it, and costs are reckoned from the
    shapes. ``traced`` says which.

    Cost: a forward pass and an export; a second for MiniLM.

    Raises:
        PlanError: ``tokens`` is below 1, or more than the model reads.
        ModelError: no module has weights.
    """
    with subject(model, tokens, example) as found:
        nodes = parts(found.module)
        if not nodes:
            raise ModelError(
                f"{type(model).__name__} has no module with weights.", fix="give an encoder or a network."
            )
        seen = _run(found, nodes)
        if seen is None:
            seen = _reckoned(nodes, tokens)
            traced: Traced = "module tree"
            edges: Edges = dict.fromkeys(pairwise(nodes), False)
        else:
            flow = exported(found, nodes)
            edges, traced = (seen.edges, "run") if flow is None else (flow, "export")
        return _assembled(found, nodes, seen, edges, traced, tokens)


def _run(found: Subject, nodes: Mapping[str, nn.Module]) -> Observed | None:
    if found.given is None:
        return None
    try:
        return observed(found, dict(nodes))
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError, KeyError):
        return None  # it wants to be called in a way that is not known


def _reckoned(nodes: Mapping[str, nn.Module], tokens: int) -> Observed:
    """Return what follows from the shapes of linear maps and embeddings; other modules cost nothing."""
    flops, size, widths = {}, {}, {}
    for name, module in nodes.items():
        outputs, inputs = map_shape(module) or (0, 0)
        flops[name] = 2 * tokens * outputs * inputs
        outputs = module.embedding_dim if isinstance(module, nn.Embedding) else outputs
        size[name], widths[name] = tokens * outputs * _BYTES, outputs
    return Observed(flops, size, widths, {})


def _assembled(
    found: Subject,
    nodes: Mapping[str, nn.Module],
    seen: Observed,
    edges: Edges,
    traced: Traced,
    tokens: int,
) -> ModelGraph:
    stack = blocks(found.module, found.depth)
    level = _levels(list(nodes), list(seen.flops), stack)
    order = _ordered(list(nodes), list(seen.flops), level)
    kinds: dict[str, Kind] = {}
    for name in order:
        sources: list[Kind] = [
            kinds[s] for (s, t), residual in edges.items() if t == name and not residual and s in kinds
        ]
        kinds[name] = kind_of(name, nodes[name], sources, in_block=0 < level[name] <= len(stack))
    counted: set[int] = set()
    made = []
    for name in order:
        own = list(own_parameters(nodes[name]))
        fresh = {id(one): one.numel() for one in own if id(one) not in counted}
        counted |= fresh.keys()
        shape = tuple(max(own, key=lambda one: one.numel()).shape) if own else ()
        flops, size = seen.flops.get(name, 0), seen.activation_bytes.get(name, 0)
        made.append(ModuleNode(name, kinds[name], level[name], shape, sum(fresh.values()), flops, size))
    at = {name: number for number, name in enumerate(order)}
    links = sorted((at[s], at[t], residual) for (s, t), residual in edges.items())
    return ModelGraph(
        found.name,
        len(stack),
        found.width or _width(made, seen, len(stack)),
        tokens,
        traced,
        tuple(made),
        tuple(ModelEdge(*link) for link in links),
    )


def _levels(nodes: Sequence[str], ran: Sequence[str], stack: Sequence[str]) -> dict[str, int]:
    """Return the block of every node: 0 before the first, one more than there are behind the last."""
    within = {
        name: number
        for number, block in enumerate(stack, 1)
        for name in nodes
        if name == block or name.startswith(f"{block}.")
    }
    inner = [place for place, name in enumerate(ran) if name in within]
    level = dict(within)
    for place, name in enumerate(ran):
        if name not in within:
            level[name] = 0 if not inner or place < inner[0] else len(stack) + 1
    # What was not run stands where the module tree has it.
    before = 0
    for name in nodes:
        before = within.get(name, before)
        behind = before and name not in within
        level.setdefault(name, len(stack) + 1 if behind else 0)
    return level


def _ordered(nodes: Sequence[str], ran: Sequence[str], level: Mapping[str, int]) -> list[str]:
    """Return the nodes as data reaches them; those that nothing reaches are the last of their block."""
    order = list(ran)
    for name in nodes:
        if name not in level or name in ran:
            continue
        before = [place for place, one in enumerate(order) if level[one] <= level[name]]
        order.insert(before[-1] + 1 if before else 0, name)
    return order


def _width(nodes: Sequence[ModuleNode], seen: Observed, depth: int) -> int:
    """Return how wide the last node of the last block puts out its states."""
    last = [node.name for node in nodes if node.block == depth and node.name in seen.widths]
    return seen.widths[last[-1]] if last else 0
