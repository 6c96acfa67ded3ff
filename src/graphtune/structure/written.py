"""A model graph as a file: ``structure.json``."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from graphtune.artefact import write_json
from graphtune.errors import ModelError
from graphtune.structure.model_graph import KINDS, ModelEdge, ModelGraph, ModuleNode, Traced

STRUCTURE: Final = "structure.json"
_FORMAT = 1  # of the file; raised whenever an older graphtune could not read it
_TRACED: tuple[Traced, ...] = Traced.__args__  # type: ignore[attr-defined]
_COUNTS = ("parameters", "flops", "activation_bytes", "block")


def write_structure(graph: ModelGraph, path: Path) -> None:
    """Write a model graph; what is not a number, or not finite, becomes null.

    Raises:
        OutputError: the place cannot be written to, or the disk is full.
    """
    write_json(path, structure_facts(graph))


def structure_facts(graph: ModelGraph) -> dict[str, Any]:
    """Return a model graph in terms of JSON."""
    facts = asdict(graph)
    facts["edges"] = [[edge.source, edge.target, edge.residual] for edge in graph.edges]
    facts["columns"] = {
        name: [value if math.isfinite(value) else None for value in values]
        for name, values in graph.columns.items()
    }
    return {"format": _FORMAT, **facts}


def structure_of(said: dict[str, Any]) -> ModelGraph:
    """Return the model graph that `structure_facts` told of.

    Raises:
        KeyError, TypeError, ValueError: it was altered.
    """
    return _graph(said)


def read_structure(path: Path) -> ModelGraph:
    """Read what `write_structure` wrote.

    Raises:
        ModelError: the file is missing, cut short or altered, or of a newer graphtune.
    """
    again = "read the model again: graphtune analyze."
    if not path.is_file():
        raise ModelError(
            f"There is no model graph {path}.", fix="name a file that graphtune analyze has written."
        )
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        version = _whole(said["format"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is no model graph, or was cut short.", fix=again) from error
    if version > _FORMAT:
        raise ModelError(
            f"{path} was written by a newer graphtune.",
            fix="update graphtune: pip install --upgrade graphtune",
        )
    try:
        return _graph(said)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} was altered: {error}.", fix=again) from error


def _graph(said: dict[str, Any]) -> ModelGraph:
    nodes = tuple(_node(one) for one in _list(said["nodes"]))
    edges = tuple(_edge(one, len(nodes)) for one in _list(said["edges"]))
    if len({node.name for node in nodes}) < len(nodes):
        raise ValueError("two nodes have one name")
    if said["traced"] not in _TRACED:
        raise ValueError(f"traced = {said['traced']!r}")
    depth, width, tokens = (_whole(said[name]) for name in ("depth", "width", "tokens"))
    bare = ModelGraph(_text(said["model"]), depth, width, tokens, said["traced"], nodes, edges)
    return bare.with_columns({_text(name): _column(values) for name, values in dict(said["columns"]).items()})


def _node(said: dict[str, Any]) -> ModuleNode:
    if said["kind"] not in KINDS:
        raise ValueError(f"kind = {said['kind']!r}")
    counts = {name: _whole(said[name]) for name in _COUNTS}
    shape = tuple(_whole(one) for one in _list(said["shape"]))
    return ModuleNode(_text(said["name"]), said["kind"], shape=shape, **counts)


def _edge(said: list[Any], nodes: int) -> ModelEdge:
    source, target, residual = said
    if max(_whole(source), _whole(target)) >= nodes or not isinstance(residual, bool):
        raise ValueError(f"edge {said} does not join two of {nodes} nodes")
    return ModelEdge(source, target, residual)


def _column(said: object) -> list[float]:
    found = []
    for value in _list(said):
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            raise TypeError(f"{value!r} is no number")
        found.append(math.nan if value is None else float(value))
    return found


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError(f"{value!r} is no count")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no name")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value
