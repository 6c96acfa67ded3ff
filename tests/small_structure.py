"""The tiny BERT as a graph of its modules, made without reading how its data flow."""

import re

from torch import nn

from graphtune.model import TextModel
from graphtune.structure import Kind, ModelGraph, ModuleNode

_KINDS: dict[str, Kind] = {
    "query": "query",
    "key": "key",
    "value": "value",
    "attention.output.dense": "attention output",
    "intermediate.dense": "feed-forward in",
    "output.dense": "feed-forward out",
    "LayerNorm": "norm",
    "embeddings": "embedding",
}
TOKENS = 6


def graph_of(model: TextModel) -> ModelGraph:
    """Return it, in the order of the modules, the head last."""
    encoder = model.encoder
    named = [*encoder.model.named_modules(), ("head", model.head)]
    nodes = tuple(_node(n, m, encoder.depth) for n, m in named if [*m.parameters(recurse=False)])
    width = model.head.in_features
    return ModelGraph("bert", encoder.depth, width, TOKENS, "module tree", nodes, ())


def _node(name: str, module: nn.Module, depth: int) -> ModuleNode:
    found = re.search(r"layer\.(\d+)\.", name)
    block = int(found[1]) + 1 if found else 0
    kind: Kind = next((kind for ending, kind in _KINDS.items() if name.endswith(ending)), "other")
    if name == "head":
        kind, block = "head", depth + 1
    own = list(module.parameters(recurse=False))
    shape = tuple(max(own, key=lambda one: one.numel()).shape)
    flops = 2 * TOKENS * shape[0] * shape[1] if isinstance(module, nn.Linear) else 0
    return ModuleNode(name, kind, block, shape, sum(p.numel() for p in own), flops, 4 * TOKENS * shape[0])
