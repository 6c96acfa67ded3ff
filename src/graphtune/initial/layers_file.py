"""Pre-trained layers as a directory: their weights, what they are, and which texts they have seen.

``layers.safetensors`` holds the weights, ``texts.safetensors`` a hash of every text they were trained on,
``pretrained.json`` the facts and the digests of both. It is written whole or not at all.
"""

import json
from collections.abc import Sequence
from dataclasses import MISSING, Field, asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from graphtune.artefact import altered, check_directory, check_parent, digests, write_json, written_directory
from graphtune.encoder.cache import text_hashes
from graphtune.errors import ModelError

FORMAT = 1  # of the directory; raised whenever an older graphtune could not read it
LAYERS = "layers.safetensors"
_FACTS, _TEXTS = "pretrained.json", "texts.safetensors"


@dataclass(frozen=True)
class LayersFacts:
    """What pre-trained layers are, and what they read."""

    layer: str  # class name of each layer
    inputs: int  # features of a node
    width: int  # of every layer's output
    depth: int  # layers
    encoder: str  # whose rows they read, by name
    fingerprint: str  # of the encoder's content
    view: str  # of the features
    objective: str  # what they learned, with its settings
    texts: int  # how many they were trained on
    loss: float  # of the last epoch
    heads: int | None = None  # of each layer; None = it has none, or an older graphtune did not say
    hops: int | None = None  # that each layer reaches; None = an older graphtune did not say

    def __str__(self) -> str:
        return f"{self.depth} {self.layer} of width {self.width}, pre-trained by {self.objective}"


def check_layers_place(directory: Path) -> None:
    """Refuse a place that holds anything but pre-trained layers.

    Raises:
        OutputError: it has other files in it, it or a part of its path is a file, or there is no permission.
    """
    check_parent(directory)
    check_directory(directory, _FACTS, "pre-trained network of graphtune")


def write_layers(layers: nn.Module, facts: LayersFacts, texts: Sequence[str], directory: Path) -> None:
    """Write them; what was there stays until they are complete.

    Raises:
        OutputError: the place cannot be written to, or the disk is full.
    """
    directory = directory.absolute()
    check_layers_place(directory)
    with written_directory(directory) as place:
        tensors = {name: tensor.cpu().contiguous().clone() for name, tensor in layers.state_dict().items()}
        save_file(tensors, place / LAYERS)
        save_file({"texts": torch.from_numpy(text_hashes(texts).view("int64").copy())}, place / _TEXTS)
        write_json(place / _FACTS, {"format": FORMAT, **asdict(facts), "files": digests(place)})


def read_layers_facts(directory: Path) -> LayersFacts:
    """Return what the layers in a directory are, after checking that their files are as they were written.

    Raises:
        ModelError: the directory is missing, incomplete, altered, of a newer graphtune, or may not be read.
    """
    try:
        return _facts(directory)
    except PermissionError as error:
        raise _unreadable(directory, error) from error


def _facts(directory: Path) -> LayersFacts:
    again = "pre-train again (graphtune pretrain), or take another copy of it."
    if not (directory / _FACTS).is_file():
        there = "has no " + _FACTS if directory.is_dir() else "is no directory"
        raise ModelError(
            f"{directory} holds no pre-trained network: it {there}.",
            fix="name a directory that graphtune pretrain has written.",
        )
    try:
        said: dict[str, Any] = json.loads((directory / _FACTS).read_text(encoding="utf-8"))
        version, files = int(said["format"]), dict(said["files"])
        facts = LayersFacts(**{field.name: _fact(field, said) for field in fields(LayersFacts)})
    except PermissionError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{directory / _FACTS} was altered or cut short.", fix=again) from error
    if version > FORMAT:
        raise ModelError(
            f"{directory} was written by a newer graphtune.",
            fix="update graphtune: pip install --upgrade graphtune",
        )
    wrong = altered(directory, {LAYERS: "", _TEXTS: ""} | files)
    if wrong:
        raise ModelError(f"{directory} is not as it was saved: {'; '.join(wrong)}.", fix=again)
    return facts


def read_layers(directory: Path) -> dict[str, Tensor]:
    """Return the weights by name, the first layer's beginning with ``0.``; errors as `read_layers_facts`."""
    return _read(directory, LAYERS)


def count_seen(directory: Path, texts: Sequence[str]) -> int:
    """Return how many of ``texts`` the layers were trained on; errors as `read_layers_facts`."""
    seen = {tuple(row) for row in _read(directory, _TEXTS)["texts"].tolist()}
    return sum(tuple(row) in seen for row in text_hashes(texts).view("int64").tolist())


def _fact(field: Field[Any], said: dict[str, Any]) -> Any:
    if field.default is MISSING:
        return field.type(said[field.name])  # type: ignore[operator]
    value = said.get(field.name)
    return None if value is None else int(value)


def _read(directory: Path, name: str) -> dict[str, Tensor]:
    read_layers_facts(directory)
    try:
        return load_file(directory / name)
    except (OSError, SafetensorError) as error:
        raise _unreadable(directory / name, error) from error


def _unreadable(path: Path, error: Exception) -> ModelError:
    return ModelError(
        f"{path} cannot be read: {error}.",
        fix="see to its permissions, or pre-train again (graphtune pretrain).",
    )
