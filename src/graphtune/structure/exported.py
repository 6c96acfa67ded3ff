"""The edges of a model as ``torch.export`` sees it: from the operations of a graph that is not run."""

import re
import warnings
from typing import Any

import torch
from torch import nn
from torch.fx import Node
from torch.utils._pytree import tree_leaves

from graphtune.structure.flow import ADDITIONS, Flow, Trail, joined
from graphtune.structure.observed import last_axis, still
from graphtune.structure.parts import owners, swallows
from graphtune.structure.subject import Subject

# A change of format that changes nothing leaves a mark in the program, within the module that asks for it.
_SAME = frozenset(("aten::to", "aten::contiguous", "aten::detach", "aten::alias", "aten::dropout"))
_AGAIN = re.compile(r"@\d+")  # marks a module that is called once more


def exported(subject: Subject, nodes: dict[str, nn.Module]) -> dict[tuple[str, str], bool] | None:
    """Return source and target of every edge, and whether it is residual; None where it cannot be told."""
    if not all(isinstance(leaf, torch.Tensor | bool) for leaf in tree_leaves((subject.given, subject.named))):
        return None
    try:
        with torch.no_grad(), still(subject.module), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(subject.module, subject.given or (), subject.named, strict=False)
    except Exception:  # whatever a model does that cannot be told without running it
        return None
    owner = owners(nodes)
    weights = dict(subject.module.named_parameters(remove_duplicate=False))
    inputs = program.graph_signature.inputs_to_parameters
    whole = {name for name, module in nodes.items() if swallows(module)}
    walk = _Walk(whole, {at: owner[id(weights[name])] for at, name in inputs.items()})
    for node in program.graph.nodes:
        walk.step(node)
    return walk.flow.edges


class _Walk:
    def __init__(self, whole: set[str], owner: dict[str, str]) -> None:
        self.flow = Flow()
        self._whole, self._owner = whole, owner
        self._trails: dict[Node, Trail] = {}
        self._weights: dict[Node, str] = {}
        self._runs: dict[str, int] = {}  # of each call of a module

    def step(self, node: Node) -> None:
        """Follow one operation."""
        if node.op == "placeholder" and node.name in self._owner:
            self._weights[node] = self._owner[node.name]
        if node.op != "call_function":
            return
        read = node.all_input_nodes
        owned = [self._weights.get(one) for one in read]
        call = self._call(node)
        if read and call is None and None not in owned:
            self._weights[node] = str(owned[0])
            return
        schema: Any = getattr(node.target, "_schema", None)
        called = "" if schema is None else schema.name
        trails = [self._trails[one] for one in read if one in self._trails]
        width = last_axis([one for one in tree_leaves(node.meta.get("val")) if isinstance(one, torch.Tensor)])
        if called in _SAME:
            runs: list[int] = []
        elif call is not None:
            runs = [self._run(*call)]
        else:
            runs = [self.flow.begin(name) for name in dict.fromkeys(owned) if name is not None]
        for run in runs:
            for trail in trails:
                self.flow.read(run, trail)
        if runs:
            self._trails[node] = joined(self.flow.output(run, width) for run in runs)
        elif trails:
            self._trails[node] = self.flow.added(trails, width) if called in ADDITIONS else joined(trails)
        if (
            schema is not None
            and schema.is_mutable
            and node in self._trails
            and isinstance(node.args[0], Node)
        ):
            self._trails[node.args[0]] = self._trails[node]

    def _run(self, call: str, name: str) -> int:
        if call not in self._runs:
            self._runs[call] = self.flow.begin(name)
        return self._runs[call]

    def _call(self, node: Node) -> tuple[str, str] | None:
        """Return the call that an operation is part of, and its node; None between modules."""
        for path, _ in (node.meta.get("nn_module_stack") or {}).values():
            name = _AGAIN.sub("", path)
            if name in self._whole:
                return path, name
        return None
