"""What a module is in a transformer, told by what it is, where it stands and what it is usually called."""

from collections.abc import Iterable, Mapping

from torch import nn

from graphtune.structure.model_graph import Kind
from graphtune.structure.parts import Pooling, is_whole

# How architectures name the maps of attention: the last part of their names.
_ATTENTION: Mapping[str, Kind] = {
    **dict.fromkeys(("query", "query_proj", "q", "q_lin", "q_proj"), "query"),
    **dict.fromkeys(("key", "key_proj", "k", "k_lin", "k_proj"), "key"),
    **dict.fromkeys(("value", "value_proj", "v", "v_lin", "v_proj"), "value"),
    **dict.fromkeys(("query_key_value", "qkv", "qkv_proj", "Wqkv", "in_proj", "c_attn"), "attention"),
    **dict.fromkeys(("o", "o_proj", "out_proj", "out_lin", "c_proj", "Wo", "dense"), "attention output"),
}
_READ: tuple[Kind, ...] = ("query", "key", "value", "attention")  # whose outputs the attention output reads
_HEADS = ("head", "classifier", "score", "lm_head", "exits")
_INNER: tuple[Kind, ...] = ("feed-forward in", "feed-forward gate")


def kind_of(name: str, module: nn.Module, sources: Iterable[Kind], *, in_block: bool) -> Kind:
    """Return what a module is; ``sources`` are those whose outputs it reads, residual edges left out."""
    if isinstance(module, Pooling):
        return "pooling"
    if is_whole(module):
        return "graph layer"
    parts, made = name.split("."), type(module).__name__
    if isinstance(module, nn.Embedding | nn.EmbeddingBag) or "Embedding" in made:
        return "embedding"
    if "Norm" in made or (_is_vector(module) and "norm" in parts[-1].lower()):
        return "norm"
    if {"pooler", "pooling"} & set(parts):
        return "pooling"
    if set(_HEADS) & set(parts):
        return "head"
    if map_shape(module) is None:
        return "attention" if isinstance(module, nn.MultiheadAttention) else "other"
    known, within = frozenset(sources), any("att" in part.lower() for part in parts[:-1])
    if within or {"query", "key", "value"} & {_ATTENTION.get(parts[-1])}:
        usual = _ATTENTION.get(parts[-1])
        if usual is not None:
            return usual
        return "attention output" if known & {*_READ} else "attention"
    return _fed_forward(parts[-1], module, known) if in_block else "other"


def map_shape(module: nn.Module) -> tuple[int, int] | None:
    """Return features out and in of a linear map; None for other modules."""
    from transformers.pytorch_utils import Conv1D  # the linear map of GPT-2

    if not isinstance(module, nn.Linear | Conv1D):
        return None
    first, second = module.weight.shape
    return (first, second) if isinstance(module, nn.Linear) else (second, first)


def _fed_forward(last: str, module: nn.Module, sources: frozenset[Kind]) -> Kind:
    """Tell the maps between attentions: the first widens what it reads, the last narrows it again."""
    if "gate" in last.lower():
        return "feed-forward gate"
    outputs, inputs = map_shape(module) or (0, 0)
    if outputs != inputs:
        return "feed-forward in" if outputs > inputs else "feed-forward out"
    return "feed-forward out" if sources & {*_INNER} else "feed-forward in"


def _is_vector(module: nn.Module) -> bool:
    return all(parameter.dim() == 1 for parameter in module.parameters(recurse=False))
