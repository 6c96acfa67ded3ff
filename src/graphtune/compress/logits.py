"""From an encoder's rows to logits, as the last nodes of an exported graph.

Programs other than graphtune then need that one file, and a tokenizer, to predict.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from graphtune.encoder.onnx import ROW
from graphtune.run import FittedModel
from graphtune.select.distilled import FittedDistilled
from graphtune.select.fitted_exported import FittedExported
from graphtune.select.fitted_tuned import FittedTuned
from graphtune.select.probe import FittedProbe

LOGITS = "logits"


def maps_of(model: FittedModel | None) -> tuple[nn.Linear, ...]:
    """Return the linear maps from rows to logits, with a ReLU between each two; none where a model has more.

    Only what reads the encoder's rows, and each text by itself, is made of such.
    """
    predictor = None if model is None else model.predictor
    if isinstance(predictor, FittedTuned | FittedExported):
        return (predictor.head.linear().requires_grad_(False),)
    if isinstance(predictor, FittedProbe) and predictor.candidate.view == "meaning":
        return (predictor.head.linear().requires_grad_(False),)
    if isinstance(predictor, FittedDistilled) and predictor.candidate.view == "meaning":
        return tuple(one.requires_grad_(False) for one in predictor.maps())
    return ()


def module_of(maps: Sequence[nn.Linear]) -> nn.Sequential:
    """Return what computes logits of rows in torch."""
    parts: list[nn.Module] = []
    for one in maps:
        parts += [nn.ReLU(), one] if parts else [one]
    return nn.Sequential(*parts)


def write_logits(file: Path, maps: Sequence[nn.Linear]) -> bool:
    """Give an exported encoder these logits as an output beside its rows; say whether it changed."""
    import onnx

    model = onnx.load(file)
    changed = with_logits(model, maps)
    if changed.SerializeToString() == model.SerializeToString():
        return False
    onnx.save(changed, file)
    return True


def with_logits(model: Any, maps: Sequence[nn.Linear]) -> Any:
    """Return a copy of an ONNX model whose outputs are its rows and, unless there are no maps, their logits.

    What computed logits before is gone: they were those of another model, whose encoder was read again.
    """
    import onnx
    from onnx import TensorProto, numpy_helper
    from onnx.helper import make_node, make_tensor_value_info

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    rows = [output for output in graph.output if _holds_rows(output.name)]
    del graph.output[:]
    graph.output.extend(rows)
    row = next(output for output in rows if output.name == ROW)
    _drop_unread(graph)
    given = ROW
    for number, one in enumerate(maps):
        names = [f"head.{number}.weight", f"head.{number}.bias"]
        values = [one.weight.detach().numpy().T, one.bias.detach().numpy()]
        graph.initializer.extend(
            numpy_helper.from_array(np.ascontiguousarray(value), name)
            for value, name in zip(values, names, strict=True)
        )
        last = number == len(maps) - 1
        found = LOGITS if last else f"head.{number}"
        graph.node.append(make_node("Gemm", [given, *names], [found]))
        if not last:
            given = f"{found}.positive"
            graph.node.append(make_node("Relu", [found], [given]))
    if maps:
        texts = row.type.tensor_type.shape.dim[0]
        shape = [texts.dim_param or None, maps[-1].out_features]
        graph.output.append(make_tensor_value_info(LOGITS, TensorProto.FLOAT, shape))
    return copy


def with_logits_of(model: Any, other: Any) -> Any:
    """Return a copy of a model without logits, with the nodes by which ``other`` makes them of its rows."""
    import onnx

    of_rows = {name for node in with_logits(other, ()).graph.node for name in node.output}
    head = [node for node in other.graph.node if not of_rows.intersection(node.output)]
    read = {name for node in head for name in node.input}
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.node.extend(head)
    copy.graph.initializer.extend(one for one in other.graph.initializer if one.name in read)
    copy.graph.output.extend(output for output in other.graph.output if not _holds_rows(output.name))
    return copy


def _holds_rows(name: str) -> bool:
    return name == ROW or name.startswith(f"{ROW}.")


def _drop_unread(graph: Any) -> None:
    """Take away nodes and weights that no output depends on."""
    read, kept = {output.name for output in graph.output}, []
    for node in reversed(graph.node):  # they stand in the order in which they are computed
        if read.intersection(node.output):
            read.update(node.input)
            kept.append(node)
    weights = [weight for weight in graph.initializer if weight.name in read]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(weights)
