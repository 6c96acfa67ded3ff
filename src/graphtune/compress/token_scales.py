"""Products of integers in an ONNX graph, with a scale for each token and each output feature.

Source: Dettmers et al., NeurIPS 2022, arXiv:2208.07339, section 2.1 (vector-wise quantisation).
Differs from the paper: no features are left out for being large (whole weights are, see `Int8.keep`); weights
have seven bits. Processors without VNNI add pairs of products in 16 bits, which eight would overflow: the
same file would give other rows there.

A token's scale depends on that token alone, and so a text's row does not depend on its company, as it does
with ONNX Runtime's own dynamic quantisation, which has one scale for all of a batch.
"""

from collections.abc import Collection
from typing import Any

import numpy as np
from jaxtyping import Float32, Int8

_MOST = 63  # of a weight
_MOST_OF_TOKEN = 127
_MIDDLE = 128  # what stands for zero among a token's unsigned numbers
_WORDS_FROM = (
    1024  # rows from which a table that is looked up becomes integers; positions and types are small
)
_LEAST = 1e-12
_CONSTANTS = ("int8.last", "int8.least", "int8.share", "int8.one", "int8.middle")


def modules(model: Any) -> tuple[str, ...]:
    """Return the names of the weights that a graph multiplies with or looks rows up in, in its order."""
    weights = _weights(model)
    found = [_weight_of(node, weights) for node in model.graph.node]
    return tuple(dict.fromkeys(name for name in found if name is not None))


def quantised(model: Any, keep: Collection[str], *, products: bool = True) -> Any:
    """Return a copy whose weights are integers, but those of ``keep``.

    Tables of words have a scale for each row, weights one for each output feature. Without ``products`` only
    the tables of words change.
    """
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph, weights = copy.graph, _weights(copy)
    made: dict[str, list[Any]] = {}
    nodes, scaled = [], set[str]()
    for node in graph.node:
        name = _weight_of(node, weights)
        if name is None or name in keep or (node.op_type == "MatMul" and not products):
            nodes.append(node)
        elif node.op_type == "Gather":
            made.setdefault(name, _table(name, onnx.numpy_helper.to_array(weights[name])))
            nodes += _looked_up(node, name)
        else:
            made.setdefault(name, _weight(name, onnx.numpy_helper.to_array(weights[name])))
            if node.input[0] not in scaled:
                scaled.add(node.input[0])
                nodes += _scaled_tokens(node.input[0])
            nodes += _multiplied(node, name)
    still = {given for node in nodes for given in node.input}
    left = [weight for weight in graph.initializer if weight.name in still]
    for weight in made.values():
        left += weight
    if scaled:
        left += _constants()
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(left)
    return copy


def _weights(model: Any) -> dict[str, Any]:
    return {weight.name: weight for weight in model.graph.initializer if len(weight.dims) == 2}


def _weight_of(node: Any, weights: dict[str, Any]) -> str | None:
    """Return the name of the weight that a node multiplies by, or of the table it looks rows up in."""
    if node.op_type == "MatMul" and node.input[1] in weights:
        return node.input[1]
    if node.op_type == "Gather" and node.input[0] in weights:
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
        if axis == 0 and weights[node.input[0]].dims[0] >= _WORDS_FROM:
            return node.input[0]
    return None


def _table(name: str, rows: Float32[np.ndarray, "V F"]) -> list[Any]:
    scale = np.maximum(np.abs(rows).max(axis=1, keepdims=True), _LEAST) / _MOST_OF_TOKEN
    return _named(name, np.round(rows / scale).astype(np.int8), scale)


def _weight(name: str, weight: Float32[np.ndarray, "F G"]) -> list[Any]:
    scale = np.maximum(np.abs(weight).max(axis=0), _LEAST) / _MOST
    return _named(name, np.round(weight / scale).astype(np.int8), scale)


def _named(name: str, numbers: Int8[np.ndarray, "F G"], scale: np.ndarray) -> list[Any]:
    from onnx import numpy_helper

    return [
        numpy_helper.from_array(numbers, f"{name}.int8"),
        numpy_helper.from_array(scale.astype(np.float32), f"{name}.scale"),
    ]


def _constants() -> list[Any]:
    from onnx import numpy_helper

    values = (
        np.array([-1], dtype=np.int64),
        np.array(_LEAST, dtype=np.float32),
        np.array(1 / _MOST_OF_TOKEN, dtype=np.float32),
        np.array(1, dtype=np.float32),
        np.array(_MIDDLE, dtype=np.uint8),
    )
    return [numpy_helper.from_array(value, name) for value, name in zip(values, _CONSTANTS, strict=True)]


def _looked_up(node: Any, name: str) -> list[Any]:
    from onnx import TensorProto
    from onnx.helper import make_node

    out = node.output[0]
    return [
        make_node("Gather", [f"{name}.int8", node.input[1]], [f"{out}.int8"]),
        make_node("Gather", [f"{name}.scale", node.input[1]], [f"{out}.scale"]),
        make_node("Cast", [f"{out}.int8"], [f"{out}.float"], to=TensorProto.FLOAT),
        make_node("Mul", [f"{out}.float", f"{out}.scale"], [out]),
    ]


def _scaled_tokens(x: str) -> list[Any]:
    from onnx.helper import make_node

    last, least, share, one, middle = _CONSTANTS
    return [
        make_node("Abs", [x], [f"{x}.size"]),
        make_node("ReduceMax", [f"{x}.size", last], [f"{x}.largest"], keepdims=1),
        make_node("Max", [f"{x}.largest", least], [f"{x}.range"]),
        make_node("Mul", [f"{x}.range", share], [f"{x}.scale"]),
        make_node("Div", [x, f"{x}.scale"], [f"{x}.scaled"]),
        make_node("QuantizeLinear", [f"{x}.scaled", one, middle], [f"{x}.int8"]),
    ]


def _multiplied(node: Any, name: str) -> list[Any]:
    from onnx import TensorProto
    from onnx.helper import make_node

    x, out = node.input[0], node.output[0]
    return [
        make_node("MatMulInteger", [f"{x}.int8", f"{name}.int8", _CONSTANTS[4]], [f"{out}.whole"]),
        make_node("Cast", [f"{out}.whole"], [f"{out}.float"], to=TensorProto.FLOAT),
        make_node("Mul", [f"{out}.float", f"{name}.scale"], [f"{out}.features"]),
        make_node("Mul", [f"{out}.features", f"{x}.scale"], [out]),
    ]
